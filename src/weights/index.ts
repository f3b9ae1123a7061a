/** Weights in files: read whatever their format, written as safetensors. */
import type { ArrayView } from '../base/array.ts'
import type { OpenTensors } from '../files/open-tensors.ts'
import type { TorchOptions } from '../files/torch/torch-file.ts'
import type { AnyModule } from '../nn/module/module.ts'
import type { GivenState } from '../nn/module/state-dict.ts'
import type { SaveOptions } from './save.ts'

export type { ArrayView } from '../base/array.ts'
export type { OpenTensors, TensorInfo } from '../files/open-tensors.ts'
export type { TorchOptions } from '../files/torch/torch-file.ts'
export type { SaveOptions } from './save.ts'

// These read files: they are fetched when called, so that browsers need none of Node.

/**
 * The weights in a file or folder by their names, for `loadStateDict`. What it is is known by its
 * content: safetensors, PyTorch's `.pt`, `.pth` and `.bin` (both also in several files, by their index),
 * NumPy's `.npz` and `.npy`, the initialisers of ONNX, the folder or a checkpoint of a run, the folder
 * of a model of the hub.
 * Nothing in a file is ever run. Half-precision and double floats become f32, integers i32.
 *
 * @param options key: the part of a PyTorch checkpoint to take instead of its model.
 * @throws BrickError `file` for what is missing, damaged, refused or of no known kind.
 * @example
 * ```ts
 * const model = models.createModel('resnet18', { inputShape: [3, 224, 224], classes: 1000 })
 * model.loadStateDict(await weights.load('resnet18-f37072fd.pth'))
 * ```
 */
export async function load(path: string, options?: TorchOptions): Promise<Map<string, ArrayView>> {
  const { readAll } = await import('../files/open-tensors.ts')
  return (await readAll(await open(path, options))).tensors
}

/**
 * Opens what {@link load} reads: its names, types and shapes are known then, and each array is read
 * when it is asked for.
 *
 * @throws BrickError as {@link load}.
 * @example
 * ```ts
 * const file = await weights.open('model.safetensors')
 * for (const name of file.names) console.log(name, file.info(name).shape)
 * const first = await file.read(file.names[0])
 * await file.close()
 * ```
 */
export async function open(path: string, options?: TorchOptions): Promise<OpenTensors> {
  return (await import('./formats.ts')).openWeights(path, options)
}

/**
 * Writes a model's states, or named arrays, as a safetensors file; an old file stays whole until the new one is.
 *
 * @param options dtype: floats as they are ('f32') or rounded to 'f16' or 'bf16'. metadata: texts
 * to keep beside them.
 * @throws BrickError `file` if it can't be written, `numeric` for a number beyond half precision,
 * `argument` for what is no path.
 * @example
 * ```ts
 * await weights.save(model, 'model.safetensors', { dtype: 'f16' })
 * ```
 */
export async function save(
  what: AnyModule | GivenState,
  path: string,
  options?: SaveOptions,
): Promise<void> {
  await (await import('./save.ts')).saveWeights(what, path, options)
}
