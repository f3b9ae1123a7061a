import { sizeOf } from '../../base/shape.ts'
import { type Node, topological } from '../../graph/node.ts'
import { bodyOf } from '../../graph/scan-body.ts'
import { elmanRelu, elmanTanh, gru, lstm, type Rule } from '../../nn/recurrent/recurrent-cells.ts'
import { passOf } from '../../nn/recurrent/recurrent-direction.ts'
import { bufferNode } from '../../tensor/engine.ts'
import { noGrad } from '../../tensor/grad-mode.ts'
import { Storage } from '../../tensor/storage.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { as, bare, input, spreadFrom } from './look.ts'
import { type GraphWriter, int, ints, text } from './writer.ts'

/** A layer of ours as ONNX's operator: what it is called, and where its gates are among ours. */
interface Layer {
  readonly opType: 'RNN' | 'GRU' | 'LSTM'
  readonly rule: Rule
  /** ONNX's gates in our order of rows. */
  readonly gates: readonly number[]
  readonly activations?: readonly string[]
}

const layers: readonly Layer[] = [
  { opType: 'LSTM', rule: lstm, gates: [0, 3, 1, 2] },
  { opType: 'GRU', rule: gru, gates: [1, 0, 2] },
  { opType: 'RNN', rule: elmanTanh, gates: [0] },
  { opType: 'RNN', rule: elmanRelu, gates: [0], activations: ['Relu'] },
]

/** A loop that is a recurrent layer in one direction. */
export interface SeenLayer {
  readonly layer: Layer
  readonly hidden: number
  /** x, with the axes of time, batch and features where `axes` says. */
  readonly x: Node
  readonly axes: readonly [time: number, batch: number, features: number]
  readonly inputWeight: Node
  readonly inputBias: Node | undefined
  readonly weight: Node
  readonly bias: Node | undefined
  readonly initial: readonly Node[]
}

/**
 * The layer that a loop is, if its round is just that of one of ours: the same body, node by node, and
 * what it goes over is a product of an input with weights.
 */
export function recurrentLayer(node: Node<'scan'>): SeenLayer | undefined {
  const { sequences, states, constants } = bodyOf(node).parameters
  const [given] = sequences
  const [hidden, batch] = states[0]?.shape ?? []
  if (sequences.length !== 1 || !hidden || !batch || given!.shape.length !== 2) return undefined
  for (const layer of layers) {
    if (given!.shape[0] !== layer.rule.gates * hidden || states.length !== layer.rule.states)
      continue
    // Weights that are trained leave a mark in the graph, and frozen ones do not.
    const twin = [true, false]
      .map((trained) => reference(layer.rule, [hidden, batch], constants.length > 1, trained))
      .find(({ key }) => key === bodyOf(node).key)
    if (!twin) continue
    const outer = node.inputs.slice(1 + states.length)
    const from = projected(input(node, 0))
    if (!from) return undefined
    return {
      layer,
      hidden,
      ...from,
      weight: bare(outer[twin.weightAt]!),
      bias: twin.biasAt < 0 ? undefined : spreadFrom(outer[twin.biasAt]!),
      initial: node.inputs.slice(1, 1 + states.length).map(bare),
    }
  }
  return undefined
}

const standIn = (shape: readonly number[], trained = false): Tensor =>
  new Tensor(bufferNode(new Storage('f32', sizeOf(shape)), shape), trained)

/** A rule's own round: its structure, and where it is given the weights. */
function reference(
  rule: Rule,
  [hidden, batch]: readonly [hidden: number, batch: number],
  withBias: boolean,
  trained: boolean,
) {
  const rows = rule.gates * hidden
  const [weight, bias] = [standIn([rows, hidden], trained), standIn([rows], trained)]
  const weights = {
    input: weight,
    hidden: weight,
    inputBias: undefined,
    hiddenBias: withBias ? bias : undefined,
    projection: undefined,
  }
  const { outputs } = noGrad(() =>
    passOf(rule, weights, {
      given: standIn([1, rows, batch]),
      initial: Array.from({ length: rule.states }, () => standIn([hidden, batch])),
      reverse: false,
      active: undefined,
      unroll: false,
    }),
  )
  const loop = topological([outputs.node]).find((n) => n.is('scan')) as Node<'scan'>
  const outer = loop.inputs.slice(1 + rule.states)
  return {
    key: bodyOf(loop).key,
    weightAt: outer.findIndex((n) => bare(n) === weight.node),
    biasAt: outer.findIndex((n) => spreadFrom(n) === bias.node),
  }
}

/** What the input adds to the gates, [T, gates · hidden, batch]: W · x, and a bias. */
function projected(node: Node) {
  const sum = as(node, 'add')
  const moved = sum ? input(sum, 0) : node
  const order = as(moved, 'permute')
  const product = as(order ? input(order, 0) : moved, 'contract')
  if (!product) return undefined
  const { a, b, out } = product.attrs
  const labels = order ? order.attrs.order.map((i) => out[i]!) : out
  const [time, gate, batch] = labels as [number, number, number]
  const feature = a.find((label) => !out.includes(label))
  if (a.length !== 2 || a[0] !== gate || a[1] !== feature || b.length !== 3) return undefined
  const axes = [time, batch, feature].map((label) => b.indexOf(label!)) as [number, number, number]
  if (axes.includes(-1)) return undefined
  const bias = sum && spreadFrom(sum.inputs[1]!)
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== node.shape[1])) return undefined
  return { x: input(product, 1), axes, inputWeight: input(product, 0), inputBias: bias }
}

/** What a layer needs to be written. */
export const needsOf = (seen: SeenLayer): Node[] => [
  seen.x,
  seen.inputWeight,
  seen.weight,
  ...seen.initial,
  ...(seen.inputBias ? [seen.inputBias] : []),
  ...(seen.bias ? [seen.bias] : []),
]

/** Writes a layer; what comes out: h of all rounds [T, hidden, batch], and the last states. */
export function writeLayer(
  seen: SeenLayer,
  reverse: boolean,
  writer: GraphWriter,
  name: (node: Node) => string,
): { readonly outputs: string; readonly final: readonly string[] } {
  const { layer, hidden, axes } = seen
  const front = (value: string) => writer.add('Unsqueeze', [value, writer.integers([0])])
  const rows = (value: string) => front(inOrder(writer, value, layer.gates, hidden))
  const x = writer.add('Transpose', [name(seen.x)], { perm: ints(axes) })
  const inputs = [x, rows(name(seen.inputWeight)), rows(name(seen.weight))]
  const zeros = () =>
    writer.add('Expand', [writer.scalar(0, 'f32'), writer.integers([layer.rule.gates * hidden])])
  const biases = [seen.inputBias, seen.bias].map((bias) => (bias ? name(bias) : zeros()))
  const bias = biases.map((value) => inOrder(writer, value, layer.gates, hidden))
  inputs.push(front(writer.add('Concat', bias, { axis: int(0) })), '')
  for (const state of seen.initial) {
    inputs.push(front(writer.add('Transpose', [name(state)], { perm: ints([1, 0]) })))
  }
  const made = writer.addAll(
    layer.opType,
    inputs,
    {
      hidden_size: int(hidden),
      direction: text(reverse ? 'reverse' : 'forward'),
      ...(layer.opType === 'GRU' ? { linear_before_reset: int(1) } : {}),
      ...(layer.activations ? { activations: texts(layer.activations) } : {}),
    },
    1 + layer.rule.states,
  )
  const [all, ...last] = made as [string, ...string[]]
  const columns = (value: string, axis: number, perm: readonly number[]) =>
    writer.add('Transpose', [writer.add('Squeeze', [value, writer.integers([axis])])], {
      perm: ints(perm),
    })
  return {
    outputs: columns(all, 1, [0, 2, 1]),
    final: last.map((value) => columns(value, 0, [1, 0])),
  }
}

const texts = (list: readonly string[]) => ({
  strings: list.map((word) => new TextEncoder().encode(word)),
  type: 8,
})

/** Rows of gates in another order. */
function inOrder(
  writer: GraphWriter,
  value: string,
  gates: readonly number[],
  hidden: number,
): string {
  if (gates.every((gate, i) => gate === i)) return value
  const parts = gates.map((gate) =>
    writer.add('Slice', [
      value,
      writer.integers([gate * hidden]),
      writer.integers([(gate + 1) * hidden]),
      writer.integers([0]),
    ]),
  )
  return writer.add('Concat', parts, { axis: int(0) })
}
