import { arange, zeros } from '../../tensor/create.ts'
import { einsum, stack } from '../../tensor/functions.ts'
import { scan } from '../../tensor/scan.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import * as maths from './maths.ts'
import type { Op, OpTable } from './op.ts'

type Activation = (x: Tensor) => Tensor

/** Activations by their names in lower case, with α and β. */
const activations: Readonly<
  Record<string, (alpha: number | undefined, beta: number | undefined) => Activation>
> = {
  relu: () => (x) => x.relu(),
  tanh: () => (x) => x.tanh(),
  sigmoid: () => (x) => x.sigmoid(),
  affine:
    (a = 1, b = 0) =>
    (x) =>
      x.mul(a).add(b),
  leakyrelu:
    (a = 0.01) =>
    (x) =>
      where(x.lt(0), x.mul(a), x),
  thresholdedrelu:
    (a = 1) =>
    (x) =>
      where(x.gt(a), x, 0),
  scaledtanh:
    (a = 1, b = 1) =>
    (x) =>
      x.mul(b).tanh().mul(a),
  hardsigmoid:
    (a = 0.2, b = 0.5) =>
    (x) =>
      x.mul(a).add(b).clamp(0, 1),
  elu:
    (a = 1) =>
    (x) =>
      maths.elu(x, a),
  softsign: () => (x) => x.div(x.abs().add(1)),
  softplus: () => maths.softplus,
}

/** What one direction works with, in columns: states [hidden, batch]. */
interface Direction {
  /** What the input and its bias add to the gates: [T, gates · hidden, batch]. */
  readonly given: Tensor
  /** [gates · hidden, hidden] */
  readonly weight: Tensor
  /** The recurrent bias, [gates · hidden, 1]. */
  readonly bias: Tensor | undefined
  readonly peephole: Tensor | undefined
  readonly functions: readonly Activation[]
  readonly hidden: number
  /** Limits what goes into the activations. */
  limit(x: Tensor): Tensor
}

/** A round's states, from what the input adds and the states before. */
type Rule = (d: Direction, call: NodeCall) => (given: Tensor, states: readonly Tensor[]) => Tensor[]

const rows = (x: Tensor, k: number, d: Direction, count = 1): Tensor =>
  x.slice([k * d.hidden, (k + count) * d.hidden])

function recurrent(d: Direction, h: Tensor, from = 0, count?: number): Tensor {
  const weight = count === undefined ? d.weight : rows(d.weight, from, d, count)
  const product = weight.matmul(h)
  const bias = d.bias && (count === undefined ? d.bias : rows(d.bias, from, d, count))
  return bias ? product.add(bias) : product
}

/** h ← f(W x + R h + b). */
const simple: Rule = (d) => (given, states) => [
  d.functions[0]!(d.limit(given.add(recurrent(d, states[0]!)))),
]

/** z, r ← f(…), n ← g(W x + R (r·h)) or, as PyTorch, g(W x + r·(R h)); h ← (1 − z)·n + z·h. */
const gru: Rule = (d, call) => {
  const [f, g] = d.functions as [Activation, Activation]
  const after = call.int('linear_before_reset', 0) !== 0
  return (given, [h]) => {
    const gates = f(d.limit(rows(given, 0, d, 2).add(recurrent(d, h!, 0, 2))))
    const [z, r] = [rows(gates, 0, d), rows(gates, 1, d)]
    const reset = after ? r.mul(recurrent(d, h!, 2, 1)) : recurrent(d, r.mul(h!), 2, 1)
    const n = g(d.limit(rows(given, 2, d).add(reset)))
    return [n.add(z.mul(h!.sub(n)))]
  }
}

/** i, o, f ← f(… + P·c), c̃ ← g(…); c ← f·c + i·c̃, h ← o·h(c): the gates' order is ONNX's. */
const lstm: Rule = (d, call) => {
  const [f, g, last] = d.functions as [Activation, Activation, Activation]
  const coupled = call.int('input_forget', 0) !== 0
  const peep = (x: Tensor, k: number, c: Tensor) =>
    d.peephole ? x.add(rows(d.peephole, k, d).mul(c)) : x
  return (given, [h, c]) => {
    const sum = given.add(recurrent(d, h!))
    const gate = (k: number, at: number, cell: Tensor) =>
      f(d.limit(peep(rows(sum, k, d), at, cell)))
    const i = gate(0, 0, c!)
    const forget = coupled ? i.neg().add(1) : gate(2, 2, c!)
    const next = forget.mul(c!).add(i.mul(g(d.limit(rows(sum, 3, d)))))
    return [gate(1, 1, next).mul(last(next)), next]
  }
}

interface Kind {
  readonly rule: Rule
  readonly gates: number
  readonly states: number
  /** Activations of one direction, where the file names none. */
  readonly usual: readonly string[]
}

/** A layer of one or two directions over whole sequences. */
const layer = ({ rule, gates, states, usual }: Kind): Op => ({
  since: 7,
  run: (call) => {
    const batchFirst = call.int('layout', 0) === 1
    const x = batchFirst ? call.tensor(0).transpose(0, 1) : call.tensor(0)
    const way = call.text('direction', 'forward')
    const reversed = way === 'bidirectional' ? [false, true] : [way === 'reverse']
    const lengths = call.optional(4)?.tensor
    const active = lengths && arange(x.shape[0]!).unsqueeze(1).lt(lengths.unsqueeze(0))
    const passes = reversed.map((reverse, k) => {
      const d = direction(call, x, k, gates, usual)
      const initial = Array.from({ length: states }, (_, s) =>
        firstState(call, s, k, d, batchFirst),
      )
      return pass(rule(d, call), d.given, initial, reverse, active)
    })
    const outputs = stack(
      passes.map(({ output }) => output.permute([0, 2, 1])),
      1,
    )
    const finals = Array.from({ length: states }, (_, s) =>
      stack(passes.map(({ final }) => final[s]!.transpose())),
    )
    if (!batchFirst) return [outputs, ...finals].map((t) => call.like(0, t))
    return [outputs.permute([2, 0, 1, 3]), ...finals.map((t) => t.transpose(0, 1))].map(
      (t): Value => call.like(0, t),
    )
  },
})

function direction(
  call: NodeCall,
  x: Tensor,
  k: number,
  gates: number,
  usual: readonly string[],
): Direction {
  const weight = call.tensor(2).slice(k)
  const hidden = weight.shape[1]!
  const bias = call.optional(3)?.tensor.slice(k).unsqueeze(1)
  const product = einsum('gi,tni->tgn', call.tensor(1).slice(k), x)
  const all = gates * hidden
  const clip = call.has('clip') ? call.float('clip', 0) : undefined
  return {
    given: bias ? product.add(bias.slice([0, all])) : product,
    weight,
    bias: bias?.slice([all, 2 * all]),
    peephole: call.optional(7)?.tensor.slice(k).unsqueeze(1),
    functions: functionsOf(call, k, usual),
    hidden,
    limit: (t) => (clip === undefined ? t : t.clamp(-clip, clip)),
  }
}

function functionsOf(call: NodeCall, k: number, usual: readonly string[]): Activation[] {
  const all = call.texts('activations') ?? [...usual, ...usual]
  const [alphas, betas] = [call.floats('activation_alpha'), call.floats('activation_beta')]
  return usual.map((_, i) => {
    const at = k * usual.length + i
    const make = activations[(all[at] ?? usual[i]!).toLowerCase()]
    if (!make) {
      throw call.refuse(`activation '${all[at]}'`, Object.keys(activations).join(', '), 'file')
    }
    return make(alphas?.[at], betas?.[at])
  })
}

function firstState(
  call: NodeCall,
  s: number,
  k: number,
  d: Direction,
  batchFirst: boolean,
): Tensor {
  const given = call.optional(5 + s)?.tensor
  if (!given) return zeros([d.hidden, d.given.shape[2]!])
  return (batchFirst ? given.transpose(0, 1) : given).slice(k).transpose()
}

/** One direction: outputs [T, hidden, batch], 0 where a sequence is over, and the last states. */
function pass(
  next: (given: Tensor, states: readonly Tensor[]) => Tensor[],
  given: Tensor,
  initial: readonly Tensor[],
  reverse: boolean,
  active: Tensor | undefined,
): { output: Tensor; final: readonly Tensor[] } {
  const { states, outputs, final } = scan(
    (now, [x, on]) => {
      const fresh = next(x!, now)
      if (!on) return { states: fresh }
      return {
        states: fresh.map((state, i) => where(on, state, now[i]!)),
        outputs: [where(on, fresh[0]!, 0)],
      }
    },
    { initial, sequences: active ? [given, active] : [given], reverse },
  )
  return { output: active ? outputs[0]! : states[0]!, final }
}

export const recurrentLayers: OpTable = {
  RNN: layer({ rule: simple, gates: 1, states: 1, usual: ['Tanh'] }),
  GRU: layer({ rule: gru, gates: 3, states: 1, usual: ['Sigmoid', 'Tanh'] }),
  LSTM: layer({ rule: lstm, gates: 4, states: 2, usual: ['Sigmoid', 'Tanh', 'Tanh'] }),
}
