import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { sizeOf, stridesOf } from '../../base/shape.ts'
import { codec } from './codec.ts'
import { withExternalData } from './external-data.ts'
import { arrayView, type HostArray, hostArray } from './host-array.ts'
import type { Message } from './messages.ts'

/** A model file that was read: its graph, and what it starts from. */
export interface OnnxFile {
  /** The file's name, for errors. */
  readonly name: string
  readonly model: Message<'ModelProto'>
  readonly graph: Message<'GraphProto'>
  /** Version of the operators by domain; the default domain is ''. */
  readonly opsets: ReadonlyMap<string, number>
  readonly initializers: ReadonlyMap<string, HostArray>
}

/**
 * Reads a model file, with the data that lie beside it. Nothing is checked of the graph itself.
 *
 * @param source A path, or the file's bytes.
 * @throws BrickError `file` for what is missing, cut, damaged or no ONNX; `dtype` for initialisers
 * of other types than numbers.
 * @example
 * ```ts
 * const { graph, initializers } = await readOnnx('squeezenet.onnx')
 * ```
 */
export async function readOnnx(source: string | Uint8Array): Promise<OnnxFile> {
  const name = typeof source === 'string' ? source : 'ONNX model'
  const beside = typeof source === 'string' ? await import('./beside.ts') : undefined
  const bytes = typeof source === 'string' ? await beside!.bytesOf(source) : source
  const model = (await codec()).decode('ModelProto', bytes, name)
  const { graph } = model
  if (!graph || model.opsetImport.length === 0) {
    throw new BrickError({
      kind: 'file',
      where: name,
      wanted: 'an ONNX model',
      got: graph ? 'one that says no version of its operators' : 'bytes without a graph',
      remedy: 'The file is cut, or something else: write or download it again.',
    })
  }
  await withExternalData(model, beside?.besideModel(name), name)
  const opsets = new Map(model.opsetImport.map((o) => [domainOf(o.domain), o.version ?? 1]))
  return { name, model, graph, opsets, initializers: initializersOf(graph, name) }
}

/**
 * The initialisers of a model file, as tensors take them: floats of any width as f32, integers as
 * i32 (those that don't fit become the nearest that do), bytes and truth values as they are.
 *
 * @throws BrickError as {@link readOnnx}.
 * @example
 * ```ts
 * const weights = await readInitializers('squeezenet.onnx')
 * weights.get('conv10_w_0')?.shape // [1000, 512, 1, 1]
 * ```
 */
export async function readInitializers(
  source: string | Uint8Array,
): Promise<Map<string, ArrayView>> {
  const { initializers } = await readOnnx(source)
  return new Map([...initializers].map(([name, array]) => [name, arrayView(array)]))
}

/** 'ai.onnx' is another name of the default domain. */
export const domainOf = (domain: string | undefined): string =>
  domain === undefined || domain === 'ai.onnx' ? '' : domain

/** What a graph starts from, by name; sparse ones filled up. */
export function initializersOf(
  graph: Message<'GraphProto'>,
  file: string,
): ReadonlyMap<string, HostArray> {
  const found = new Map<string, HostArray>()
  for (const proto of graph.initializer) found.set(proto.name ?? '', hostArray(proto, file))
  for (const sparse of graph.sparseInitializer) {
    found.set(sparse.values?.name ?? '', denseArray(sparse, file))
  }
  return found
}

/** A sparse tensor with its zeros. Positions are row-major, or a coordinate a dim. */
export function denseArray(sparse: Message<'SparseTensorProto'>, file: string): HostArray {
  const where = `${file}: sparse tensor '${sparse.values?.name ?? ''}'`
  const bad = (wanted: string, got: string) =>
    new BrickError({ kind: 'file', where, wanted, got, remedy: 'The file is damaged.' })
  const { values, indices, dims } = sparse
  if (!values || !indices) throw bad('values and indices', 'one of them alone')
  const size = sizeOf(dims)
  if (dims.some((extent) => !Number.isSafeInteger(extent) || extent < 0) || size > 2 ** 28) {
    throw bad('a shape of at most 2^28 elements', `[${dims.join(', ')}]`)
  }
  const numbers = hostArray(values, file)
  const places = hostArray(indices, file)
  const strides = places.shape.length === 2 ? stridesOf(dims) : [1]
  if (places.data.length !== numbers.data.length * strides.length) {
    throw bad('a position for each value', `${places.data.length} numbers`)
  }
  const data = new Float64Array(size)
  for (const [i, value] of numbers.data.entries()) {
    const at = strides.reduce(
      (sum, s, axis) => sum + s * places.data[i * strides.length + axis]!,
      0,
    )
    if (!(at >= 0 && at < size)) throw bad(`positions below ${size}`, `${at}`)
    data[at] = value
  }
  return { type: numbers.type, shape: dims, data }
}
