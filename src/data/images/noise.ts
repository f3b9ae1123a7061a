import { BrickError } from '../../base/errors.ts'
import type { BatchTransform } from '../batch-maker.ts'
import type { Random } from '../random-stream.ts'
import { portable } from '../recipe.ts'
import { checkRange, type Images, inPlace } from './images.ts'

const url = import.meta.url

/**
 * Adds normal noise to each pixel.
 *
 * @param std Its standard deviation. Default 0.1.
 * @throws BrickError `argument` for a negative one, `shape` for no images.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.gaussianNoise(0.05), images, { seed: 1 }).shape // [2, 3, 8, 8]
 * ```
 */
export function gaussianNoise(std = 0.1, mean = 0): BatchTransform {
  checkRange('gaussianNoise', 'std', std, 0, Number.MAX_VALUE)
  const transform = inPlace('gaussianNoise', (start, random, { channels, height, width, data }) => {
    const end = start + channels * height * width
    for (let i = start; i < end; i++) data[i]! += mean + std * random.normal()
  })
  return portable(transform, url, 'gaussianNoise', () => [std, mean])
}

/**
 * Blurs each image by a Gaussian of random width, with reflected borders, as torchvision's
 * `GaussianBlur`.
 *
 * @param kernelSize Odd.
 * @param sigma Or from … to. Default 0.1 … 2.
 * @throws BrickError `argument` for an even kernel or a width of 0, `shape` for images smaller than
 * half of the kernel.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.gaussianBlur(3, 1), images).shape // [2, 3, 8, 8]
 * ```
 */
export function gaussianBlur(
  kernelSize: number,
  sigma: number | readonly [low: number, high: number] = [0.1, 2],
): BatchTransform {
  const [low, high] = typeof sigma === 'number' ? [sigma, sigma] : sigma
  if (!Number.isInteger(kernelSize) || kernelSize % 2 !== 1 || kernelSize < 1) {
    throw new BrickError({
      kind: 'argument',
      where: 'gaussianBlur',
      wanted: 'an odd kernelSize',
      got: `${kernelSize}`,
    })
  }
  checkRange('gaussianBlur', 'sigma', low, 1e-6, high)
  const transform = inPlace('gaussianBlur', (start, random, images) => {
    checkReach(images, kernelSize)
    const kernel = gaussian(kernelSize, random.uniform(low, high))
    const { channels, height, width, data } = images
    const line = new Float32Array(Math.max(height, width) + kernelSize)
    for (let c = 0; c < channels; c++) {
      const at = start + c * height * width
      // Along the rows, then along the columns.
      for (let y = 0; y < height; y++) blurLine(data, at + y * width, 1, width, kernel, line)
      for (let x = 0; x < width; x++) blurLine(data, at + x, width, height, kernel, line)
    }
  })
  return portable(transform, url, 'gaussianBlur', () => [kernelSize, sigma])
}

function checkReach({ height, width }: Images, kernelSize: number): void {
  const reach = (kernelSize - 1) / 2
  if (reach < Math.min(height, width)) return
  throw new BrickError({
    kind: 'shape',
    where: 'gaussianBlur',
    wanted: `images larger than ${reach} pixels for a kernel of ${kernelSize}`,
    got: `${height} × ${width}`,
    remedy: 'Choose a smaller kernelSize.',
  })
}

function gaussian(size: number, sigma: number): Float64Array {
  const middle = (size - 1) / 2
  const weights = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-0.5 * ((i - middle) / sigma) ** 2),
  )
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}

/** Blurs one line of pixels that lie `step` apart; beyond its ends it is reflected. */
function blurLine(
  data: Float32Array,
  start: number,
  step: number,
  length: number,
  kernel: Float64Array,
  line: Float32Array,
): void {
  const reach = (kernel.length - 1) / 2
  for (let i = -reach; i < length + reach; i++) {
    const inside = Math.abs(i)
    const at = inside < length ? inside : 2 * (length - 1) - inside
    line[i + reach] = data[start + at * step]!
  }
  for (let i = 0; i < length; i++) {
    let sum = 0
    for (let k = 0; k < kernel.length; k++) sum += kernel[k]! * line[i + k]!
    data[start + i * step] = sum
  }
}

export interface ErasingOptions {
  /** Probability that an image is changed. Default 0.5. */
  readonly p?: number
  /** Share of the area that is erased, from … to. Default 0.02 … 0.33. */
  readonly scale?: readonly [low: number, high: number]
  /** Height to width of what is erased, from … to. Default 0.3 … 3.3. */
  readonly ratio?: readonly [low: number, high: number]
  /** What stands there then: a number (default 0), or normal noise. */
  readonly value?: number | 'random'
}

/**
 * Erases a rectangle of each image, as torchvision's `RandomErasing`.
 *
 * Source: Zhong et al., “Random erasing data augmentation”, 2017.
 *
 * @throws BrickError `argument` for a share or probability out of range, `shape` for no images.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.randomErasing({ p: 1 }), images).shape // [2, 3, 8, 8]
 * ```
 */
export function randomErasing(options: ErasingOptions = {}): BatchTransform {
  const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options
  checkRange('randomErasing', 'p', p, 0, 1)
  for (const share of scale) checkRange('randomErasing', 'scale', share, 0, 1)
  for (const shape of ratio) checkRange('randomErasing', 'ratio', shape, 1e-3, 1e3)
  const transform = inPlace('randomErasing', (start, random, images) => {
    const box = random.chance(p) ? boxIn(images, random, scale, ratio) : undefined
    if (box) erase(images, start, random, box, value)
  })
  return portable(transform, url, 'randomErasing', () => [options])
}

type Rectangle = readonly [top: number, left: number, height: number, width: number]

function boxIn(
  { height, width }: Images,
  random: Random,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Rectangle | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = height * width * random.uniform(...scale)
    const shape = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])))
    const h = Math.round(Math.sqrt(area * shape))
    const w = Math.round(Math.sqrt(area / shape))
    if (h >= height || w >= width) continue
    return [random.integer(height - h + 1), random.integer(width - w + 1), h, w]
  }
  return undefined
}

function erase(
  { channels, height, width, data }: Images,
  start: number,
  random: Random,
  [top, left, h, w]: Rectangle,
  value: number | 'random',
): void {
  for (let c = 0; c < channels; c++) {
    for (let y = top; y < top + h; y++) {
      const at = start + (c * height + y) * width + left
      if (value !== 'random') data.fill(value, at, at + w)
      else for (let i = at; i < at + w; i++) data[i] = random.normal()
    }
  }
}
