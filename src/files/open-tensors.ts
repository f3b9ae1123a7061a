import type { ArrayView } from '../base/array.ts'
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
