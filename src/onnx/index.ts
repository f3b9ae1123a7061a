import { readOnnx } from './file/read.ts'
import { OnnxModel } from './model.ts'

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
 * model.inputs // [{ name: 'data_0', … sizes: [1, 3, 224, 224] }]
 * ```
 */
export async function load(source: string | Uint8Array): Promise<OnnxModel> {
  return new OnnxModel(await readOnnx(source))
}
