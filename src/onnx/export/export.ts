import type { ArrayView } from '../../base/array.ts'
import { dtypes } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { type Node, topological } from '../../graph/node.ts'
import { bodyOf } from '../../graph/scan-body.ts'
import { Module } from '../../nn/module/module.ts'
import { contents, settle } from '../../tensor/engine.ts'
import type { Storage } from '../../tensor/storage.ts'
import { ownerOf, Tensor } from '../../tensor/tensor.ts'
import { codec } from '../file/codec.ts'
import type { Draft } from '../file/messages.ts'
import { OnnxModel } from '../model.ts'
import { emit, valueInfo } from './emit.ts'
import { bare } from './look.ts'
import { type Exported, evaluating, type InputLike, type Pair, tracePair } from './trace.ts'
import { GraphWriter, type NodeDraft } from './writer.ts'

export interface SaveOptions {
  /**
   * The inputs: shapes with the batch dim (of f32), or tensors like them. A network that came from an ONNX
   * file knows them.
   */
  readonly inputs?: readonly InputLike[]
  /** Whether the batch may have any size in the file (default true). */
  readonly dynamicBatch?: boolean
  /**
   * Which dim of each input is the batch's; −1: none (default 0). Recurrent layers that take time first
   * have it at 1.
   */
  readonly batchDims?: readonly number[]
  readonly inputNames?: readonly string[]
  /** Names for the outputs, in their order. */
  readonly outputNames?: readonly string[]
  /** Text that is kept in the file, by key. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** Operators as of this version, which every runtime of these years has. */
const OPSET = 18
const IR_VERSION = 8

/** A network (or a function of tensors) as the bytes of an ONNX file. */
export async function exported(what: Exported, options: SaveOptions): Promise<Uint8Array> {
  const inputs = inputsOf(what, options)
  const named = what instanceof OnnxModel ? (...given: Tensor[]) => what.runAll(given) : what
  const own = what instanceof Module ? what.stateDict() : {}
  await Promise.all(Object.values(own).map((state) => state.data()))
  const pair = evaluating(what, () => tracePair(named, inputs, batchOf(inputs, options)))
  refuseTooLarge(own)
  const names = what instanceof OnnxModel ? what.inputs.map(({ name }) => name) : undefined
  const graph = await graphOf(pair, own, {
    ...options,
    inputNames: options.inputNames ?? names ?? [],
  })
  const { encode } = await codec()
  return encode('ModelProto', {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: OPSET }],
    producerName: 'brickwork',
    graph,
    metadataProps: Object.entries(options.metadata ?? {}).map(([key, value]) => ({ key, value })),
  })
}

/** The batch's dim of each input, −1 where there is none; undefined: one size for all. */
function batchOf(
  inputs: readonly InputLike[],
  { dynamicBatch = true, batchDims = [] }: SaveOptions,
): readonly number[] | undefined {
  if (!dynamicBatch) return undefined
  return inputs.map((like, i) => {
    const { length } = like instanceof Tensor ? like.shape : like
    const dim = batchDims[i] ?? 0
    if (Number.isInteger(dim) && dim >= -1 && dim < Math.max(1, length)) return length ? dim : -1
    throw new BrickError({
      kind: 'argument',
      where: 'onnx export',
      got: `batchDims[${i}] = ${dim} for ${length} dims`,
      wanted: 'a dim of the input, or −1',
    })
  })
}

/** What one protocol buffer can hold. */
const MOST_BYTES = 2 ** 31 - 1

function refuseTooLarge(states: Readonly<Record<string, Tensor>>): void {
  const distinct = [...new Set(Object.values(states))]
  const bytes = distinct.reduce((sum, { size, dtype }) => sum + size * dtypes[dtype].bytes, 0)
  if (bytes <= MOST_BYTES) return
  throw new BrickError({
    kind: 'file',
    where: 'onnx export',
    got: `${bytes} bytes of weights`,
    wanted: `at most ${MOST_BYTES}, which is all that one ONNX file holds`,
    remedy: 'Export parts of the network.',
  })
}

function inputsOf(what: Exported, { inputs }: SaveOptions): readonly InputLike[] {
  if (inputs) return inputs
  const ports = what instanceof OnnxModel ? what.inputs : []
  const sized = ports.map(({ sizes }) =>
    sizes?.map((n, i) => (typeof n === 'number' ? n : i === 0 ? 1 : undefined)),
  )
  if (sized.length > 0 && sized.every((s) => s?.every((n) => n !== undefined))) {
    return sized as number[][]
  }
  throw new BrickError({
    kind: 'argument',
    where: 'onnx export',
    got: 'no inputs',
    wanted: 'the shape of each input, with the batch: { inputs: [[1, 3, 224, 224]] }',
  })
}

async function graphOf(
  pair: Pair,
  states: Readonly<Record<string, Tensor>>,
  options: SaveOptions,
): Promise<Draft<'GraphProto'>> {
  const { inputNames = [], outputNames = [] } = options
  const inputNameOf = (i: number) =>
    inputNames[i] ?? (pair.inputs.length === 1 ? 'input' : `input_${i}`)
  const dims =
    batchOf(
      pair.inputs.map(({ shape }) => shape),
      options,
    ) ?? []
  const first = dims.findIndex((dim) => dim >= 0)
  const writer = new GraphWriter(
    first < 0 ? undefined : { input: inputNameOf(first), dim: dims[first]! },
  )
  const names = new Map<Node, string>()
  pair.inputs.forEach((node, i) => {
    names.set(node, writer.unique(inputNameOf(i)))
  })
  const roots = [...pair.outputs.values()]
  await writeLeaves(roots, states, names, writer)
  emit(roots, names, writer, pair)
  const keys = [...pair.outputs.keys()]
  const wanted = keys.map((key, i) => outputNames[i] ?? key)
  const nodes = withOutputs(
    writer,
    roots.map((root) => names.get(bare(root))!),
    wanted,
  )
  return {
    name: 'brickwork',
    node: nodes,
    initializer: [...writer.initializers.values()],
    input: pair.inputs.map((node) => valueInfo(names.get(node)!, node, pair)),
    output: roots.map((root, i) => valueInfo(wanted[i]!, root, pair)),
  }
}

/** What the graph starts from besides its inputs: states under their names, other arrays numbered. */
async function writeLeaves(
  roots: readonly Node[],
  states: Readonly<Record<string, Tensor>>,
  names: Map<Node, string>,
  writer: GraphWriter,
): Promise<void> {
  const titles = new Map<Tensor, string>()
  for (const [title, state] of Object.entries(states)) {
    if (!titles.has(state)) titles.set(state, title)
  }
  const written = new Map<object, string>()
  const outer = topological(roots)
  const inner = new Set(outer.flatMap((node) => (node.is('scan') ? parametersOf(node) : [])))
  await settle()
  for (const node of outer) {
    if (!node.is('buffer') || names.has(node) || inner.has(node)) continue
    const storage = node.attrs.source as Storage
    const owner = ownerOf(storage)
    const known = written.get(storage)
    if (known) {
      names.set(node, known)
      continue
    }
    const data = owner ? await owner.data() : await contents(storage)
    const view = { dtype: node.dtype, shape: node.shape, data } as ArrayView
    const title = (owner && titles.get(owner)) ?? (owner ? 'state' : 'constant')
    const name = writer.initializer(title, view)
    written.set(storage, name)
    names.set(node, name)
  }
}

function parametersOf(node: Node<'scan'>): Node[] {
  const { sequences, states, constants } = bodyOf(node).parameters
  return [...sequences, ...states, ...constants]
}

/** Nodes whose results have the outputs' names. */
function withOutputs(
  writer: GraphWriter,
  values: readonly string[],
  wanted: readonly string[],
): NodeDraft[] {
  const made = new Set(writer.nodes.flatMap(({ output = [] }) => output))
  const renamed = new Map<string, string>()
  values.forEach((value, i) => {
    // What is no result, or already another output, needs a copy.
    if (!made.has(value) || renamed.has(value)) return
    renamed.set(value, writer.unique(wanted[i]!) === wanted[i] ? wanted[i]! : value)
  })
  values.forEach((value, i) => {
    if (renamed.get(value) === wanted[i]) return
    writer.nodes.push({
      opType: 'Identity',
      name: `${wanted[i]}/Identity`,
      input: [value],
      output: [wanted[i]!],
    })
  })
  return writer.all.map((node) => rename(node, renamed))
}

/** A node with other names for values, in the graphs inside it too. */
function rename(node: NodeDraft, names: ReadonlyMap<string, string>): NodeDraft {
  const of = (list: readonly string[] = []) => list.map((name) => names.get(name) ?? name)
  const attribute = node.attribute?.map((a) =>
    a.g ? { ...a, g: { ...a.g, node: a.g.node?.map((n) => rename(n, names)) ?? [] } } : a,
  )
  return {
    ...node,
    input: of(node.input),
    output: of(node.output),
    ...(attribute ? { attribute } : {}),
  }
}
