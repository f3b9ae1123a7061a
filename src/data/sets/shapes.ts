import { BrickError } from '../../base/errors.ts'
import { ArrayDataset } from '../array-dataset.ts'
import { checkWhole } from '../check.ts'
import { type Random, randomAt } from '../random-stream.ts'

export interface ShapesOptions {
  /** Pictures. Default 200. */
  readonly n?: number
  /** Pixels of a picture's side. Default 32. */
  readonly size?: number
  /** Standard deviation of the normal noise on all pixels. Default 0.2. */
  readonly noise?: number
  /** Default 0. */
  readonly seed?: number
}

/** A point of a shape has at most 1, in units of the shape's radius from its centre. */
const reaches = [
  (x: number, y: number) => Math.hypot(x, y),
  (x: number, y: number) => Math.max(Math.abs(x), Math.abs(y)),
  (x: number, y: number) => Math.max(y, 2 * Math.abs(x) - y),
]
const classNames = ['background', 'disc', 'square', 'triangle']

/**
 * Pictures to be told apart pixel by pixel: one or two bright shapes on a dark ground, under noise;
 * the brighter one may hide a part of the other. Inputs f32 `[n, 1, size, size]`, targets i32
 * `[n, size, size]`: 0 is background, 1 a disc, 2 a square, 3 a triangle.
 *
 * @throws BrickError `argument` for fewer than 1 picture, a side below 8 or a negative noise.
 * @example
 * ```ts
 * data.shapes({ n: 10, size: 16 }).targets.shape // [10, 16, 16]
 * ```
 */
export function shapes({ n = 200, size = 32, noise = 0.2, seed = 0 }: ShapesOptions = {}) {
  checkWhole('shapes', 'n', n, 1)
  checkWhole('shapes', 'size', size, 8)
  checkWhole('shapes', 'seed', seed, 0)
  if (!(noise >= 0 && noise < Infinity)) {
    const wanted = 'noise to be a number from 0'
    throw new BrickError({ kind: 'argument', where: 'shapes', wanted, got: `${noise}` })
  }
  const area = size ** 2
  const pixels = new Float32Array(n * area)
  const classes = new Int32Array(n * area)
  for (let i = 0; i < n; i++) {
    const random = randomAt(seed, 0, i)
    const own = [pixels, classes].map((all) => all.subarray(i * area, (i + 1) * area))
    const [picture, truth] = own as [Float32Array, Int32Array]
    for (const brightness of random.chance(0.5) ? [0.5, 0.9] : [0.7]) {
      drawShape(picture, truth, size, brightness, random)
    }
    for (let p = 0; p < area; p++) picture[p]! += noise * random.normal()
  }
  return new ArrayDataset({
    name: 'shapes',
    inputs: { dtype: 'f32', shape: [n, 1, size, size], data: pixels },
    targets: { dtype: 'i32', shape: [n, size, size], data: classes },
    classNames,
  })
}

/** A shape of random kind, size and place. */
function drawShape(
  picture: Float32Array,
  truth: Int32Array,
  size: number,
  brightness: number,
  random: Random,
): void {
  const kind = random.integer(reaches.length)
  const radius = random.uniform(0.15, 0.25) * size
  const [cx, cy] = [random.uniform(0.2, 0.8) * size, random.uniform(0.2, 0.8) * size]
  for (let p = 0; p < picture.length; p++) {
    const [x, y] = [(p % size) + 0.5 - cx, Math.floor(p / size) + 0.5 - cy]
    if (reaches[kind]!(x / radius, y / radius) > 1) continue
    picture[p] = brightness
    truth[p] = kind + 1
  }
}
