import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll } from 'vitest'
import { createBackend, nn, type Tensor, useBackend } from '../src/index.ts'
import type { Backend } from '../src/tensor/backend.ts'
import { Classifier } from '../src/vision/classifier.ts'
import type { Preprocessing } from '../src/vision/preprocessing.ts'

export const folder = mkdtempSync(join(tmpdir(), 'brickwork-vision-'))
/** A path in the folder of the tests. */
export const inFolder = (name: string) => join(folder, name)
let backend: Backend
beforeAll(async () => {
  process.env['BRICKWORK_CACHE'] = inFolder('cache')
  backend = await createBackend('wasm')
  await useBackend(backend)
})
afterAll(async () => {
  await backend.close()
  rmSync(folder, { recursive: true, force: true })
})

/** Images as they are, in one plane. */
export const grey = (size: number): Preprocessing => ({
  size: [size, size],
  channels: 'grey',
  resize: null,
  interpolation: 'lanczos',
  normalize: { mean: [0], std: [1] },
  ink: false,
})

/** An image of one colour. */
export async function plain(name: string, background: string, size = 16): Promise<string> {
  const path = inFolder(name)
  mkdirSync(join(path, '..'), { recursive: true })
  await sharp({ create: { width: size, height: size, channels: 3, background } }).toFile(path)
  return path
}

/** Says red, green or blue by the mean of each plane. */
class Colours extends nn.Module {
  readonly fc = new nn.Linear(3, 3)
  forward(x: Tensor): Tensor {
    return this.fc.forward(x.mean([2, 3]))
  }
}

/** Tells red, green and blue images apart. */
export async function colours(): Promise<Classifier> {
  const model = new Colours()
  await model.fc.weight.load(Float32Array.of(9, 0, 0, 0, 9, 0, 0, 0, 9))
  await model.fc.bias!.load(new Float32Array(3))
  return new Classifier({
    name: 'colours',
    model,
    classNames: ['red, crimson', 'green', 'blue'],
    classIds: ['n1', 'n2', 'n3'],
    preprocessing: { ...grey(4), channels: 'rgb', normalize: { mean: [0, 0, 0], std: [1, 1, 1] } },
  })
}
