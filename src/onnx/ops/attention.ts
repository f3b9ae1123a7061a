import { arange } from '../../tensor/create.ts'
import { cat } from '../../tensor/functions.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'

/** [N, L, heads · size] as [N, heads, L, size]; what has heads already stays. */
function headed(call: NodeCall, x: Tensor, name: string): Tensor {
  if (x.rank === 4) return x
  const heads = call.int(name, 0)
  const [n, length, width] = x.shape as readonly [number, number, number]
  if (x.rank !== 3 || heads < 1 || width % heads !== 0) {
    throw call.refuse(`[${x.shape}] with ${name} = ${heads}`, '4 dims, or 3 and heads', 'shape')
  }
  return x.reshape([n, length, heads, width / heads]).permute([0, 2, 1, 3])
}

/** Each head of keys and values stands for several heads of queries. */
function repeated(x: Tensor, heads: number): Tensor {
  const [n, own, length, size] = x.shape as readonly [number, number, number, number]
  if (own === heads) return x
  const times = heads / own
  const wide = x.unsqueeze(2).expand([n, own, times, length, size])
  return wide.reshape([n, heads, length, size])
}

/**
 * softmax(s · Q Kᵀ + mask) V, by heads; a causal mask, keys of before, and a soft limit of the scores if
 * they are asked for. Source: Vaswani et al., “Attention is all you need”, 2017.
 */
function attention(call: NodeCall): Value[] {
  const flat = call.value(0).rank === 3
  const q = headed(call, call.tensor(0), 'q_num_heads')
  const past = (i: number, now: Tensor) => {
    const before = call.optional(i)?.tensor
    return before ? cat([before, now], 2) : now
  }
  const k = past(4, headed(call, call.tensor(1), 'kv_num_heads'))
  const v = past(5, headed(call, call.tensor(2), 'kv_num_heads'))
  const heads = q.shape[1]!
  const size = q.shape[3]!
  const scale = call.has('scale') ? call.float('scale', 1) : 1 / Math.sqrt(size)
  const raw = q.matmul(repeated(k, heads).transpose()).mul(scale)
  const masked = withMask(call, raw)
  const cap = call.float('softcap', 0)
  const capped = cap > 0 ? masked.div(cap).tanh().mul(cap) : masked
  const shares = capped.softmax(-1)
  const out = shares.matmul(repeated(v, heads))
  const [n, , length, width] = out.shape as readonly [number, number, number, number]
  const whole = flat ? out.permute([0, 2, 1, 3]).reshape([n, length, heads * width]) : out
  const seen = [raw, masked, capped, shares][call.int('qk_matmul_output_mode', 0)] ?? raw
  return [call.like(0, whole), call.like(1, k), call.like(2, v), call.like(0, seen)]
}

function withMask(call: NodeCall, scores: Tensor): Tensor {
  const given = call.optional(3)
  const [length, all] = scores.shape.slice(-2) as [number, number]
  let out = scores
  if (given?.type.dtype === 'bool') out = where(given.tensor, out, Number.NEGATIVE_INFINITY)
  else if (given) out = out.add(given.tensor)
  if (!call.int('is_causal', 0)) return out
  const offset = call.optional(4)?.shape[2] ?? 0
  const row = arange(length).unsqueeze(1).add(offset)
  return where(arange(all).unsqueeze(0).le(row), out, Number.NEGATIVE_INFINITY)
}

/** Pairs of elements turned by angles that grow with the position. Source: Su et al., RoFormer, 2021. */
function rotary(call: NodeCall): Value {
  const x = call.tensor(0)
  const flat = x.rank === 3
  const heads = headed(call, x, 'num_heads')
  const size = heads.shape[3]!
  const turned = call.int('rotary_embedding_dim', 0) || size
  const half = turned / 2
  const table = (i: number) => {
    const cache = call.tensor(i)
    const index = call.optional(3)?.tensor
    if (!index) return cache.unsqueeze(1)
    const rows = cache.indexSelect(0, index.reshape([-1]))
    return rows.reshape([...index.shape, half]).unsqueeze(1)
  }
  const [cos, sin] = [table(1), table(2)]
  const interleaved = call.int('interleaved', 0) === 1
  const cut = (from: number, to: number, step = 1) =>
    heads.slice([], [], [], [from, to, step] as const)
  const [a, b] = interleaved
    ? [cut(0, turned, 2), cut(1, turned, 2)]
    : [cut(0, half), cut(half, turned)]
  const first = a.mul(cos).sub(b.mul(sin))
  const second = a.mul(sin).add(b.mul(cos))
  const both = interleaved
    ? cat([first.unsqueeze(4), second.unsqueeze(4)], 4).reshape(first.shape.with(3, turned))
    : cat([first, second], 3)
  const out = turned < size ? cat([both, cut(turned, size)], 3) : both
  return call.like(0, flat ? out.permute([0, 2, 1, 3]).reshape(x.shape) : out)
}

export const attentions: OpTable = {
  Attention: { since: 23, run: attention },
  RotaryEmbedding: { since: 23, run: rotary },
}
