import type { ArrayView } from '../base/array.ts'
import type { TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { type Shape, sizeOf } from '../base/shape.ts'
import { type Batch, DataLoader } from '../data/dataloader.ts'
import type { Dataset } from '../data/dataset.ts'
import type { AnyModule, Module } from '../nn/module/module.ts'
import { compile } from '../tensor/compile.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { generator } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import {
  EVALUATION_BATCH,
  evaluating,
  interrupted,
  LAG,
  type PassOptions,
  tensorsOf,
} from './evaluate.ts'
import { Pipeline } from './pipeline.ts'

export interface PredictOptions extends PassOptions {
  /** What is made of the model's output, before an average: `(scores) => scores.softmax(-1)`. */
  readonly output?: (output: Tensor) => Tensor
  /**
   * Passes with dropout as in training, whose outputs are averaged (an ensemble of thinned
   * networks). Default: one pass without dropout.
   */
  readonly samples?: number
  /** Which random numbers the samples draw. Default 0; the default generator stays as it is. */
  readonly seed?: number
  /** Is told after each batch how many examples are done. */
  readonly onProgress?: (done: number, of: number) => void
}

/**
 * The model's outputs for all examples of a dataset, in evaluation mode: [n, …], in order. With
 * `samples`, Monte Carlo averages over dropout: every module is in training mode but those that
 * hold statistics (batch norm), so that nothing changes.
 *
 * Source: Gal and Ghahramani, “Dropout as a Bayesian approximation”, 2015.
 *
 * @throws BrickError `argument` for samples that are no number from 1; as the model's operations
 * do; `interrupted` by the signal.
 * @example
 * ```ts
 * const scores = await train.predict(model, test)
 * scores.shape // [360, 10]
 * const ensemble = await train.predict(model, test, {
 *   samples: 5, output: (scores) => scores.softmax(-1),
 * })
 * ```
 */
export async function predict(
  model: Module,
  dataset: Dataset,
  options: PredictOptions = {},
): Promise<ArrayView<'f32'>> {
  const { samples, seed = 0 } = options
  if (samples === undefined) return evaluating(model, () => outputsOf(model, dataset, 1, options))
  if (!Number.isSafeInteger(samples) || samples < 1) {
    const wanted = 'a whole number from 1'
    const where = 'train.predict: samples'
    throw new BrickError({ kind: 'argument', where, wanted, got: `${samples}` })
  }
  return evaluating(model, () => {
    for (const module of model.modules()) module.training = !holdsStatistics(module)
    return withSeed(seed, () => outputsOf(model, dataset, samples, options))
  })
}

/** Whether a module itself has states that are not trained: in training mode it would change them. */
function holdsStatistics(module: AnyModule): boolean {
  const inner = new Set(module.children().flatMap((child) => child.buffers()))
  return module.buffers().some((buffer) => !inner.has(buffer))
}

/** Runs `body` with the default generator begun anew, and puts the generator back. */
async function withSeed<T>(seed: number, body: () => Promise<T>): Promise<T> {
  const before = await generator.key.data()
  generator.seed(seed)
  try {
    return await body()
  } finally {
    await generator.key.load(before)
  }
}

async function outputsOf(
  model: Module,
  dataset: Dataset,
  samples: number,
  options: PredictOptions,
): Promise<ArrayView<'f32'>> {
  let row: readonly number[] = []
  let data = new Float32Array()
  await eachOutput(model, dataset, { ...options, samples }, (values, first, shape) => {
    if (data.length === 0) {
      row = shape
      data = new Float32Array(dataset.length * sizeOf(row))
    }
    const at = first * sizeOf(row)
    values.forEach((value: number, i: number) => {
      data[at + i]! += value / samples
    })
  })
  return { dtype: 'f32', shape: [dataset.length, ...row], data }
}

/** Is given the outputs of a batch, of which the first is the example `first`, each of this shape. */
type TakeOutputs = (values: TypedArray, first: number, shape: Shape) => Promise<void> | void

/** Passes over a dataset, `samples` times over each batch. The model's mode is the caller's. */
export async function eachOutput(
  model: Module,
  dataset: Dataset,
  options: PredictOptions,
  take: TakeOutputs,
): Promise<void> {
  const { batchSize = EVALUATION_BATCH, normalize, signal, output: made, samples = 1 } = options
  const { onProgress } = options
  const given = normalize === undefined ? {} : { normalize }
  const loader = new DataLoader(dataset, { batchSize, ...given })
  const step = compile((x: Tensor) =>
    noGrad(() => {
      const output = model.forward(x)
      return made ? made(output) : output
    }),
  )
  interface Note {
    readonly first: number
    readonly n: number
    readonly shape: Shape
  }
  const pipeline = new Pipeline<Note>(LAG, (values, { first, n, shape }) =>
    take(values.subarray(0, n * sizeOf(shape)), first, shape),
  )
  let first = 0
  for await (const batch of loader) {
    const n = batch[0].shape[0]!
    const [x] = tensorsOf(first > 0 ? filled(batch, batchSize) : batch)
    for (let sample = 0; sample < samples; sample++) {
      if (signal?.aborted) throw interrupted('prediction')
      const result = step(x)
      await pipeline.push(result, { first, n, shape: result.shape.slice(1) })
    }
    first += n
    onProgress?.(first, dataset.length)
  }
  await pipeline.drain()
}

/** A batch of full size, so that the last one needs no program of its own; what is past the end counts for nothing. */
function filled(batch: Batch, size: number): Batch {
  const [{ dtype, shape, data }, ...rest] = batch
  const [n = 0, ...row] = shape
  if (n === size) return batch
  const whole = new (data.constructor as new (length: number) => typeof data)(size * sizeOf(row))
  whole.set(data)
  return [{ dtype, shape: [size, ...row], data: whole } as ArrayView, ...rest]
}
