import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import type { Node } from '../graph/node.ts'
import { interpret, type Values } from '../interpreter/interpreter.ts'
import { plan } from '../tensor/engine.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** The first operation of a step that made NaN, or ∞ that became NaN. */
export interface Culprit {
  readonly op: string
  /** Where in the model: `LeNet.conv2`; empty outside modules. */
  readonly scope: string
  readonly shape: readonly number[]
  /** `NaN` or `∞`. */
  readonly value: string
}

interface Finding extends Culprit {
  readonly node: Node
}

/** Sources and padding hold the infinities that someone wrote down: they make none. */
const isGiven = (node: Node): boolean => node.inputs.length === 0 || node.op === 'pad'

/**
 * Runs the graph of these values again in the interpreter, and finds the operation that was first
 * to make NaN of numbers. If that was an infinity's doing, the operation that made the infinity.
 *
 * @param values Tensors that have not been computed yet, and states that have been assigned.
 */
export function findCulprit(values: readonly Tensor[]): Culprit | undefined {
  const nodes = values.map((value) => value.storage?.pending ?? value.node)
  const { task, storages } = plan(nodes, [], true)
  const infinite = new Map<Node, Finding>()
  let found: Finding | undefined
  interpret(
    task.outputs,
    (node) => storages[task.buffers.indexOf(node)]!.read(),
    (node, all, inputs) => {
      if (found || node.dtype !== 'f32') return
      roundToFloat(all)
      found = suspect(node, all, inputs, infinite)
    },
  )
  return found ?? infinite.values().next().value
}

/** As a backend would store them: what overflows in single precision must overflow here. */
function roundToFloat(values: Values): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.fround(values[i]!)
}

function suspect(
  node: Node,
  values: Values,
  inputs: readonly Values[],
  infinite: Map<Node, Finding>,
): Finding | undefined {
  if (isGiven(node)) return undefined
  const source = node.inputs.map((input) => infinite.get(input)).find(Boolean)
  if (values.some(Number.isNaN) && !inputs.some((input) => input.some(Number.isNaN))) {
    return source ?? finding(node, 'NaN')
  }
  if (!values.some((value) => Math.abs(value) === Infinity)) return undefined
  const isNew = !inputs.some((input) => input.some((value) => Math.abs(value) === Infinity))
  if (isNew) infinite.set(node, finding(node, '∞'))
  else if (source) infinite.set(node, source)
  return undefined
}

const finding = (node: Node, value: string): Finding => ({
  node,
  op: node.op,
  scope: node.scope,
  shape: node.shape,
  value,
})

/** What was found, as an error. */
export function culpritError(culprit: Culprit | undefined, when: string): BrickError {
  if (!culprit) {
    return new BrickError({
      kind: 'numeric',
      where: when,
      wanted: 'finite numbers',
      got: 'NaN, which the interpreter does not get',
      remedy: 'Numbers overflow in single precision only: lower the learning rate.',
    })
  }
  const { op, scope, shape, value } = culprit
  return new BrickError({
    kind: 'numeric',
    where: scope || op,
    wanted: 'finite numbers',
    got: `${value} from finite inputs by '${op}' ${showShape(shape)}, ${when}`,
    remedy: remedyFor(op),
  })
}

const remedies: Readonly<Record<string, string>> = {
  log: 'Keep its input above 0, for example by adding a small number; for losses use crossEntropy on scores.',
  div: 'Keep the divisor away from 0.',
  sqrt: 'Keep its input at or above 0.',
  exp: 'Keep its input below 88; for probabilities use softmax or logSoftmax.',
  pow: 'Keep its base above 0.',
}

function remedyFor(op: string): string {
  return remedies[op] ?? 'Lower the learning rate, or check the data for huge values.'
}

/** Whether any element is NaN or infinite. */
export function hasNonFinite(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) return true
  return false
}
