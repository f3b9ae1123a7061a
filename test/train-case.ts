import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import { uniformAt } from '../src/data/random.ts'
import { Dropout } from '../src/nn/dropout/dropout-layers.ts'
import { Linear } from '../src/nn/linear/linear.ts'
import { crossEntropy } from '../src/nn/losses/cross-entropy.ts'
import { Module } from '../src/nn/module/module.ts'
import { BatchNorm1d } from '../src/nn/normalization/batchnorm.ts'
import { adam } from '../src/optim/adam.ts'
import { manualSeed } from '../src/tensor/random.ts'
import type { Tensor } from '../src/tensor/tensor.ts'
import { accuracy } from '../src/train/metrics.ts'
import type { FitOptions } from '../src/train/options.ts'

/** A folder for the tests of a file, gone after them. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'brickwork-train-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Points in the square, whose class says on which side of a circle they lie. */
export function circle(length: number, seed = 0, name = `circle/${seed}`): ArrayDataset {
  const inputs = Float32Array.from({ length: 2 * length }, (_, i) => 2 * uniformAt(seed, 7, i) - 1)
  const targets = Int32Array.from({ length }, (_, i) =>
    Number(Math.hypot(inputs[2 * i]!, inputs[2 * i + 1]!) < 0.8),
  )
  return new ArrayDataset({
    name,
    inputs: { dtype: 'f32', shape: [length, 2], data: inputs },
    targets: { dtype: 'i32', shape: [length], data: targets },
  })
}

/** A network with all kinds of state: parameters, running statistics, random numbers. */
export class Net extends Module {
  readonly hidden: Linear
  readonly norm: BatchNorm1d
  readonly dropout = new Dropout(0.2)
  readonly out: Linear

  constructor(width = 8) {
    super()
    this.hidden = new Linear(2, width, { bias: false })
    this.norm = new BatchNorm1d(width)
    this.out = new Linear(width, 2)
  }

  forward(x: Tensor): Tensor {
    return this.out.forward(this.dropout.forward(this.norm.forward(this.hidden.forward(x)).relu()))
  }
}

/** A fresh network, the same one each time. */
export function freshNet(): Net {
  manualSeed(3)
  return new Net()
}

export const usual: FitOptions = {
  loss: crossEntropy,
  optimizer: adam({ lr: 0.02 }),
  batchSize: 8,
  metrics: [accuracy],
  progress: 'none',
  seed: 5,
}

/** The bits of all states of a model, by name. */
export async function bitsOf(model: Module): Promise<Record<string, number[]>> {
  const bits: Record<string, number[]> = {}
  for (const [name, state] of Object.entries(model.stateDict())) {
    const { buffer, byteOffset, byteLength } = await state.data()
    bits[name] = [...new Uint8Array(buffer, byteOffset, byteLength)]
  }
  return bits
}
