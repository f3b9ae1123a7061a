import type { ArrayView } from '../base/array.ts'
import { type Shape, sizeOf } from '../base/shape.ts'
import type { Module } from '../nn/module/module.ts'
import { compile } from '../tensor/compile.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { ImageSide, Servable } from './servable.ts'

export interface ServableOptions {
  readonly name: string
  readonly version: string
  /** One example's shape, without the batch: [1, 28, 28]. */
  readonly inputShape: Shape
  /** The only number of examples that the model takes at once, if there is one. */
  readonly batch?: number
  readonly image?: ImageSide
}

/**
 * A model as what a server runs: in evaluation mode, compiled once for each size of batch. The model
 * is tried with zeros, which says what it gives.
 *
 * @throws BrickError as the model's operations do for such an input.
 * @example
 * ```ts
 * const linear = new nn.Linear(4, 3)
 * const servable = await servableOf(linear, { name: 'linear', version: '1', inputShape: [4] })
 * servable.outputs[0].shape // [-1, 3]
 * ```
 */
export async function servableOf(model: Module, options: ServableOptions): Promise<Servable> {
  const { name, version, inputShape, batch, image } = options
  model.eval()
  const step = compile((x: Tensor) => noGrad(() => model.forward(x)))
  const run = async ({ data, shape }: ArrayView<'f32'>): Promise<ArrayView<'f32'>> => {
    const output = step(Tensor.of(data, shape, 'f32'))
    return { dtype: 'f32', shape: output.shape, data: (await output.data()) as Float32Array }
  }
  const trial = [batch ?? 1, ...inputShape]
  const data = new Float32Array(sizeOf(trial))
  const { shape } = await run({ dtype: 'f32', shape: trial, data })
  return {
    name,
    version,
    inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, ...inputShape] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, ...shape.slice(1)] }],
    run,
    ...(batch === undefined ? {} : { batch }),
    ...(image ? { image } : {}),
  }
}
