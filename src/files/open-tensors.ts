import type { ArrayView } from '../base/array.ts'
import { dtypes } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Shape } from '../base/shape.ts'

/** Named arrays and the text that belongs to them. */
export interface TensorFile {
  readonly tensors: Map<string, ArrayView>
  readonly metadata: Readonly<Record<string, string>>
}

/** What is known of an array in a file before it is read. */
export interface TensorInfo {
  /** The element type as the file's format names it. */
  readonly dtype: string
  readonly shape: Shape
  /** Bytes in the file. */
  readonly bytes: number
}

/** An open file of named arrays, each of which is read when it is asked for. */
export interface OpenTensors {
  readonly path: string
  /** In the file's order. */
  readonly names: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  /** @throws BrickError `unknown` for a name that the file does not have. */
  info(name: string): TensorInfo
  /** @throws BrickError `unknown` for another name, `file` for damaged elements. */
  read(name: string): Promise<ArrayView>
  close(): Promise<void>
}

/** Everything that an open file holds; closes it. */
export async function readAll(file: OpenTensors): Promise<TensorFile> {
  try {
    const tensors = new Map<string, ArrayView>()
    for (const name of file.names) tensors.set(name, await file.read(name))
    return { tensors, metadata: file.metadata }
  } finally {
    await file.close()
  }
}

/** Arrays in memory as an open file; `info` names their own types. */
export function heldTensors(path: string, tensors: ReadonlyMap<string, ArrayView>): OpenTensors {
  const names = [...tensors.keys()]
  const arrayOf = (name: string) => tensors.get(name) ?? unknownName({ path, names }, name)
  return {
    path,
    names,
    metadata: {},
    info(name) {
      const { dtype, shape, data } = arrayOf(name)
      return { dtype: dtypes[dtype].safetensors, shape, bytes: data.byteLength }
    },
    read: async (name) => arrayOf(name),
    close: async () => {},
  }
}

/**
 * An open file under other names.
 *
 * @param places The file's name of each new one.
 */
export function renamedTensors(
  file: OpenTensors,
  places: ReadonlyMap<string, string>,
): OpenTensors {
  const names = [...places.keys()]
  const placeOf = (name: string) =>
    places.get(name) ?? unknownName({ path: file.path, names }, name)
  return {
    path: file.path,
    names,
    metadata: file.metadata,
    info: (name) => file.info(placeOf(name)),
    read: async (name) => file.read(placeOf(name)),
    close: () => file.close(),
  }
}

/** Throws the error for a name that a file does not have. */
export function unknownName(
  { path, names }: Pick<OpenTensors, 'path' | 'names'>,
  name: string,
): never {
  const near = nearest(name, names)
  throw new BrickError({
    kind: 'unknown',
    where: path,
    wanted: `one of its ${names.length} arrays`,
    got: `'${name}'`,
    ...(near === undefined ? {} : { remedy: `Did you mean '${near}'?` }),
  })
}
