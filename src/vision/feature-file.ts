import { type FileHandle, open, rm } from 'node:fs/promises'
import type { ArrayView } from '../base/array.ts'
import { type Shape, sizeOf } from '../base/shape.ts'
import { classTarget } from '../data/collate.ts'
import { checkRow, Dataset, type Example } from '../data/dataset.ts'
import type { Normalization } from '../data/normalize.ts'
import { fileError } from '../files/errors.ts'
import type { Module } from '../nn/module/module.ts'
import { evaluating } from '../train/evaluate.ts'
import { eachOutput, type PredictOptions } from '../train/predict.ts'

/** What a frozen part of a network makes of each example, computed once: f32 rows in a file. */
export class FeatureFile extends Dataset {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[] | undefined
  readonly shape: Shape
  readonly #file: FileHandle
  readonly #labels: ArrayLike<number>

  /** @internal {@link computeFeatures} makes them. */
  constructor(source: Dataset, shape: Shape, file: FileHandle) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = source.classNames
    this.shape = shape
    this.#file = file
    this.#labels = source.labels()!
  }

  override async get(index: number): Promise<Example> {
    checkRow(this, index)
    const data = new Float32Array(sizeOf(this.shape))
    await this.#file.read(new Uint8Array(data.buffer), 0, data.byteLength, index * data.byteLength)
    const input: ArrayView = { dtype: 'f32', shape: this.shape, data }
    return { input, target: classTarget(this.#labels[index]!) }
  }
  override labels(): ArrayLike<number> {
    return this.#labels
  }
  close(): Promise<void> {
    return this.#file.close()
  }
}

export interface ComputeFeaturesOptions
  extends Pick<PredictOptions, 'batchSize' | 'signal' | 'onProgress'> {
  readonly normalize: Normalization
}

/**
 * Runs a frozen part of a network over a dataset with labels, once, and keeps what it gives in a
 * file, so that memory does not bound it.
 *
 * @throws BrickError `file` if it can't be written, `interrupted` by the signal.
 */
export async function computeFeatures(
  trunk: Module,
  dataset: Dataset,
  path: string,
  options: ComputeFeaturesOptions,
): Promise<FeatureFile> {
  const failed = (error: unknown) => {
    throw fileError('write', path, error)
  }
  const file = await open(path, 'w+').catch(failed)
  let row: Shape = []
  try {
    await evaluating(trunk, () =>
      eachOutput(trunk, dataset, options, async (values, first, shape) => {
        row = shape
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
        await writeAt(file, bytes, first * sizeOf(shape) * 4).catch(failed)
      }),
    )
  } catch (error) {
    await file.close()
    await rm(path, { force: true })
    throw error
  }
  return new FeatureFile(dataset, row, file)
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const left = bytes.length - done
    done += (await file.write(bytes, done, left, position + done)).bytesWritten
  }
}
