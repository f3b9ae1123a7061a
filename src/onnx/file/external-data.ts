import { BrickError } from '../../base/errors.ts'
import type { Message } from './messages.ts'

/** Reads a part of a file beside the model. */
export type ReadBeside = (
  location: string,
  offset: number,
  length: number | undefined,
) => Promise<Uint8Array>

const EXTERNAL = 1

/**
 * The model with the data of its external tensors put into it.
 *
 * @param read Absent where there is no folder: external data are an error then.
 * @throws BrickError `file`.
 */
export async function withExternalData(
  model: Message<'ModelProto'>,
  read: ReadBeside | undefined,
  file: string,
): Promise<void> {
  for (const tensor of tensorsOf(model)) {
    if (tensor.dataLocation !== EXTERNAL) continue
    const where = `${file}: tensor '${tensor.name ?? ''}'`
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key ?? '', value ?? '']))
    const location = entries.get('location')
    if (!location) throw bad(where, 'a location for its external data', 'none')
    if (!read) {
      throw bad(where, 'a model of one file', `data in '${location}'`, 'Load it by its path.')
    }
    const offset = countOf(entries.get('offset') ?? '0', where)
    const length = entries.get('length')
    const size = length === undefined ? undefined : countOf(length, where)
    // The decoded message is ours alone; from here on its data are where they are looked for.
    Object.assign(tensor, { rawData: await read(location, offset, size) })
  }
}

function countOf(text: string, where: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count
  throw bad(where, 'offset and length as whole numbers', JSON.stringify(text))
}

const bad = (where: string, wanted: string, got: string, remedy?: string): BrickError =>
  new BrickError({ kind: 'file', where, wanted, got, ...(remedy ? { remedy } : {}) })

/** All tensors of a model, wherever they are. */
function* tensorsOf(model: Message<'ModelProto'>): Iterable<Message<'TensorProto'>> {
  if (model.graph) yield* tensorsOfGraph(model.graph)
  for (const { node } of model.functions) yield* tensorsOfNodes(node)
}

function* tensorsOfGraph(graph: Message<'GraphProto'>): Iterable<Message<'TensorProto'>> {
  yield* graph.initializer
  for (const sparse of graph.sparseInitializer) yield* tensorsOfSparse(sparse)
  yield* tensorsOfNodes(graph.node)
}

function* tensorsOfNodes(nodes: readonly Message<'NodeProto'>[]): Iterable<Message<'TensorProto'>> {
  for (const { attribute } of nodes) {
    for (const { t, g, tensors, graphs, sparseTensor } of attribute) {
      if (t) yield t
      if (sparseTensor) yield* tensorsOfSparse(sparseTensor)
      yield* tensors
      for (const graph of g ? [g, ...graphs] : graphs) yield* tensorsOfGraph(graph)
    }
  }
}

function* tensorsOfSparse({
  values,
  indices,
}: Message<'SparseTensorProto'>): Iterable<Message<'TensorProto'>> {
  if (values) yield values
  if (indices) yield indices
}
