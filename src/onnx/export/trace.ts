import { BrickError } from '../../base/errors.ts'
import { type Shape, sizeOf } from '../../base/shape.ts'
import { exactNumbers } from '../../graph/attributes.ts'
import type { Node } from '../../graph/node.ts'
import { bodyOf } from '../../graph/scan-body.ts'
import { type AnyModule, Module } from '../../nn/module/module.ts'
import { bufferNode } from '../../tensor/engine.ts'
import { noGrad } from '../../tensor/grad-mode.ts'
import { Storage } from '../../tensor/storage.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { BATCHES, type Dim, dependsOnBatch, dimOf } from './dims.ts'
import { markVarying } from './look.ts'

/** What is exported: a network, or a function of tensors. */
export type Exported = AnyModule | ((...inputs: Tensor[]) => unknown)

/** An input's shape (f32), or a tensor like it. */
export type InputLike = Shape | Tensor

/** The graph of a network. */
export interface Traced {
  readonly inputs: readonly Node<'buffer'>[]
  readonly outputs: ReadonlyMap<string, Node>
}

/** Two traces of a network as one, whose sizes know how they depend on the batch. */
export interface Pair extends Traced {
  /** Sizes (or other numbers) of a node, found by `of` in both traces. */
  dims(node: Node, of?: (node: Node) => readonly number[]): Dim[]
}

/** The graph of a network for an input, and how its sizes depend on the batch, if they may. */
export function tracePair(
  what: Exported,
  inputs: readonly InputLike[],
  batchDims: readonly number[] | undefined,
): Pair {
  if (!batchDims) {
    const only = trace(what, inputs)
    return { ...only, dims: (node, of = ({ shape }) => shape) => [...of(node)] }
  }
  const [a, b] = BATCHES.map((batch) => trace(what, inputs, { batch, dims: batchDims })) as [
    Traced,
    Traced,
  ]
  const twins = new Map<Node, Node>()
  for (const [name, node] of a.outputs) {
    const twin = b.outputs.get(name)
    if (!twin) throw dependsOnBatch('', `an output '${name}'`)
    pairUp(node, twin, twins)
  }
  return {
    ...a,
    dims: (node, of = ({ shape }) => shape) => {
      const [mine, others] = [of(node), of(twins.get(node) ?? node)]
      return mine.map((n, i) => dimOf(n, others[i]!, node.scope || node.op))
    },
  }
}

interface Sized {
  readonly batch: number
  readonly dims: readonly number[]
}

/** Runs the network on stand-ins, with this batch size if one is given. */
function trace(what: Exported, given: readonly InputLike[], sized?: Sized): Traced {
  const inputs = given.map((like, i) => {
    const [shape, dtype] =
      like instanceof Tensor ? [like.shape, like.dtype] : [like, 'f32' as const]
    const dim = sized?.dims[i] ?? -1
    const own = sized && dim >= 0 ? shape.with(dim, sized.batch) : shape
    return bufferNode(new Storage(dtype, sizeOf(own)), own)
  })
  const tensors = inputs.map((node) => new Tensor(node))
  const result = noGrad(() =>
    what instanceof Module
      ? what.forward(...(tensors as readonly unknown[] as never[]))
      : what(...tensors),
  )
  const outputs = new Map<string, Node>()
  collect(result, '', outputs)
  if (outputs.size === 0) {
    throw new BrickError({
      kind: 'argument',
      where: 'onnx export',
      got: `a network that returned ${typeof result}`,
      wanted: 'a tensor, a list of tensors, or tensors by name',
    })
  }
  return { inputs, outputs }
}

/** Runs `body` while a network and all inside are in evaluation mode. */
export function evaluating<T>(what: Exported, body: () => T): T {
  if (!(what instanceof Module)) return body()
  const modes = what.modules().map((module) => [module, module.training] as const)
  what.eval()
  try {
    return body()
  } finally {
    for (const [module, mode] of modes) module.training = mode
  }
}

function collect(result: unknown, name: string, found: Map<string, Node>): void {
  if (result instanceof Tensor) found.set(name || 'output', result.node)
  else if (typeof result === 'object' && result !== null) {
    const list = Array.isArray(result)
    for (const [key, value] of Object.entries(result)) {
      collect(value, list ? `${name || 'output'}_${key}` : name ? `${name}.${key}` : key, found)
    }
  }
}

function pairUp(root: Node, twin: Node, twins: Map<Node, Node>): void {
  const stack: [Node, Node][] = [[root, twin]]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [a, b] = next
    if (twins.has(a)) continue
    twins.set(a, b)
    if (a.op !== b.op || a.inputs.length !== b.inputs.length) {
      throw dependsOnBatch(a.scope, `${a.op} or ${b.op}`)
    }
    requireSameAttributes(a, b)
    a.inputs.forEach((input, i) => {
      stack.push([input, b.inputs[i]!])
    })
    if (a.is('scan') && b.is('scan')) {
      const [mine, others] = [bodyOf(a).nodes, bodyOf(b).nodes]
      mine.forEach((node, i) => {
        stack.push([node, others[i]!])
      })
    }
  }
}

/** Attributes that may depend on the batch, since they are written with {@link Pair.dims}. */
const sized: ReadonlySet<string> = new Set(['shape', 'start', 'stop'])
/** What is no number, or compared node by node. */
const apart: ReadonlySet<string> = new Set(['source', 'version', 'backward', 'body'])

function requireSameAttributes(a: Node, b: Node): void {
  const others = b.attrs as Readonly<Record<string, unknown>>
  for (const [key, value] of Object.entries(a.attrs)) {
    if (sized.has(key) || apart.has(key)) continue
    if (JSON.stringify(value, exactNumbers) === JSON.stringify(others[key], exactNumbers)) continue
    if (!a.is('constant')) throw dependsOnBatch(a.scope, `${a.op} (${key})`)
    markVarying(a)
  }
}
