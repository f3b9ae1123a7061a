import { eye } from '../../tensor/create.ts'
import { einsum as summation } from '../../tensor/functions.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'

/** Products of integers are computed in f32, which is exact up to 2²⁴. */
const product = (a: Tensor, b: Tensor): Tensor => a.to('f32').matmul(b.to('f32'))

/** α · A · B + β · C, each of A and B transposed if the node says so. */
function gemm(call: NodeCall): Value {
  const a = call.int('transA', 0) ? call.tensor(0).transpose() : call.tensor(0)
  const b = call.int('transB', 0) ? call.tensor(1).transpose() : call.tensor(1)
  const [alpha, beta] = [call.float('alpha', 1), call.float('beta', 1)]
  const ab = product(a, b)
  const scaled = alpha === 1 ? ab : ab.mul(alpha)
  const c = call.optional(2)?.tensor
  if (!c || beta === 0) return call.like(0, scaled)
  return call.like(0, scaled.add(beta === 1 ? c : c.mul(beta)))
}

/** Equations with '…' and with letters that repeat, in letters that differ. */
function einsum(call: NodeCall): Value {
  const tensors = call.tensors().map((t) => t.to('f32'))
  const equation = call.text('equation', '').replaceAll(' ', '')
  const [left, right] = equation.split('->') as [string, string?]
  const free = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].filter((l) => !equation.includes(l))
  const parts = left.split(',')
  const ranks = parts.map((part, i) => tensors[i]!.rank - part.replace('...', '').length)
  const most = Math.max(0, ...parts.map((p, i) => (p.includes('...') ? ranks[i]! : 0)))
  const dots = (count: number) => free.slice(most - count, most).join('')
  const operands = parts.map((part, i) =>
    diagonal(part.replace('...', dots(ranks[i]!)), tensors[i]!),
  )
  const out = right?.replace('...', dots(most)) ?? dots(most) + single(left.replaceAll('...', ''))
  const letters = operands.map(({ letters }) => letters).join(',')
  return call.like(0, summation(`${letters}->${out}`, ...operands.map(({ tensor }) => tensor)))
}

/** Letters that occur once, in alphabetical order: what an equation without '->' gives. */
const single = (left: string): string =>
  [...new Set(left.replaceAll(',', ''))]
    .filter((l) => left.indexOf(l) === left.lastIndexOf(l))
    .sort()
    .join('')

/** Of 'ii' the diagonal, as 'i'. */
function diagonal(part: string, x: Tensor): { letters: string; tensor: Tensor } {
  const letters = [...part]
  const again = letters.findIndex((l, i) => letters.indexOf(l) < i)
  if (again < 0) return { letters: part, tensor: x }
  const first = letters.indexOf(letters[again]!)
  const extent = x.shape[first]!
  const mask = eye(extent).reshape(x.shape.map((_, i) => (i === first || i === again ? extent : 1)))
  return diagonal(letters.toSpliced(again, 1).join(''), x.mul(mask).sum(again))
}

export const contraction: OpTable = {
  MatMul: { since: 1, run: (call) => call.like(0, product(call.tensor(0), call.tensor(1))) },
  Gemm: { since: 1, run: gemm },
  Einsum: { since: 12, run: einsum },
}
