import { stack } from '../../tensor/functions.ts'
import { scan } from '../../tensor/scan.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import type { Rule } from './recurrent-cells.ts'

/** The weights of one layer in one direction, as PyTorch lays them out. */
export interface RecurrentWeights {
  /** [gates · hidden, in] */
  readonly input: Tensor
  /** [gates · hidden, out] */
  readonly hidden: Tensor
  readonly inputBias: Tensor | undefined
  readonly hiddenBias: Tensor | undefined
  /** [projection, hidden] */
  readonly projection: Tensor | undefined
}

export interface Pass {
  /** What the input adds to the gates: [T, gates · hidden, batch]. */
  readonly given: Tensor
  /** Each [hidden, batch]. */
  readonly initial: readonly Tensor[]
  readonly reverse: boolean
  /** Whether each element of the batch still goes on: [T, batch], bool. */
  readonly active: Tensor | undefined
  /** Written out round by round instead of as a loop. */
  readonly unroll: boolean
}

/** What a pass leaves: outputs [T, out, batch], and the last states. */
export interface Passed {
  readonly outputs: Tensor
  readonly final: readonly Tensor[]
}

const column = (bias: Tensor): Tensor => bias.unsqueeze(1)

/** The bias that is added to the input's share. */
export function inputBias(rule: Rule, w: RecurrentWeights): Tensor | undefined {
  if (!w.inputBias || !w.hiddenBias) return undefined
  return column(rule.mergesBias ? w.inputBias.add(w.hiddenBias) : w.inputBias)
}

/** States after a round, and the output. Where an element's sequence is over, its states stay. */
export function round(
  rule: Rule,
  w: RecurrentWeights,
  states: readonly Tensor[],
  given: Tensor,
  active?: Tensor,
): { states: Tensor[]; output: Tensor } {
  const product = w.hidden.matmul(states[0]!)
  const bias = rule.mergesBias ? undefined : w.hiddenBias
  const made = rule.next(given, bias ? product.add(column(bias)) : product, states)
  const next = w.projection ? [w.projection.matmul(made[0]!), ...made.slice(1)] : made
  if (!active) return { states: next, output: next[0]! }
  return {
    states: next.map((state, i) => where(active, state, states[i]!)),
    output: where(active, next[0]!, 0),
  }
}

/** One layer over a whole sequence, in one direction. */
export function passOf(rule: Rule, w: RecurrentWeights, pass: Pass): Passed {
  const { given, initial, reverse, active } = pass
  if (pass.unroll) return unrolled(rule, w, pass)
  const { final, states, outputs } = scan(
    (now, [x, on]) => {
      const { states: next, output } = round(rule, w, now, x!, on)
      return { states: next, outputs: active ? [output] : [] }
    },
    { initial, sequences: active ? [given, active] : [given], reverse },
  )
  return { outputs: active ? outputs[0]! : states[0]!, final }
}

function unrolled(rule: Rule, w: RecurrentWeights, pass: Pass): Passed {
  const { given, initial, reverse, active } = pass
  const rounds = given.shape[0]!
  const outputs: Tensor[] = []
  let now = initial
  for (let i = 0; i < rounds; i++) {
    const t = reverse ? rounds - 1 - i : i
    const { states, output } = round(rule, w, now, given.slice(t), active?.slice(t))
    now = states
    outputs[t] = output
  }
  return { outputs: stack(outputs), final: now }
}
