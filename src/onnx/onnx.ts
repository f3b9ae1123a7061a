import { BrickError } from '../base/errors.ts'
import { exported, type SaveOptions } from './export/export.ts'
import type { Exported } from './export/trace.ts'
import { readOnnx } from './file/read.ts'
import { OnnxModel } from './model.ts'

export type { SaveOptions } from './export/export.ts'
export type { Exported, InputLike } from './export/trace.ts'
export { readInitializers } from './file/read.ts'
export { OnnxModel } from './model.ts'
export type { Port } from './run/ports.ts'

/**
 * A network from an ONNX file (opset 7 to 23), ready to run and to be trained.
 *
 * @param source A path, or the file's bytes (then without data in other files).
 * @throws BrickError `file` for what is missing, cut, damaged or no ONNX; `unknown` that lists all
 * operators that are not supported; `dtype` for element types that are not.
 * @example
 * ```ts
 * const model = await onnx.load('squeezenet.onnx')
 * const scores = model.forward(images)
 * ```
 */
export async function load(source: string | Uint8Array): Promise<OnnxModel> {
  return new OnnxModel(await readOnnx(source))
}

/**
 * A network as the bytes of an ONNX file (opset 18): as it computes in evaluation mode, with its states
 * under the names that they have in `stateDict()`. The first dim of the inputs is free.
 *
 * @param what A network, or a function of tensors that uses some.
 * @throws BrickError `unknown` that names the layer for what ONNX can't express, `argument` without
 * inputs, or for what differs from one batch size to another.
 * @example
 * ```ts
 * const bytes = await onnx.serialize(model, { inputs: [[1, 1, 8, 8]] })
 * ```
 */
export function serialize(what: Exported, options: SaveOptions = {}): Promise<Uint8Array> {
  return exported(what, options)
}

/**
 * Writes a network as an ONNX file; an old file stays whole until the new one is. See {@link serialize}.
 *
 * @throws BrickError as {@link serialize}, and `file` if it can't be written.
 * @example
 * ```ts
 * await onnx.save(model, 'digits.onnx', { inputs: [[1, 1, 8, 8]] })
 * ```
 */
export async function save(what: Exported, path: string, options: SaveOptions = {}): Promise<void> {
  if (typeof path !== 'string') {
    throw new BrickError({
      kind: 'argument',
      where: 'onnx.save',
      wanted: 'a path after the model',
      got: typeof path,
      remedy: "Call onnx.save(model, 'model.onnx', { inputs: [[1, 3, 224, 224]] }).",
    })
  }
  const bytes = await exported(what, options)
  const { writeAtomically } = await import('../files/atomic.ts')
  await writeAtomically(path, bytes)
}
