import { BrickError } from '../../base/errors.ts'
import type { BatchTransform } from '../batch-maker.ts'
import type { Random } from '../random-stream.ts'
import { portable } from '../recipe.ts'
import { checkRange, imagesOf, inPlace, viewOf } from './images.ts'
import type { ColorPca } from './pca.ts'

const url = import.meta.url

/** Of red, green and blue to brightness (ITU-R 601). */
const [RED, GREEN, BLUE] = [0.2989, 0.587, 0.114]

/** The planes of one RGB image. */
interface Rgb {
  readonly r: Float32Array
  readonly g: Float32Array
  readonly b: Float32Array
}

function planesOf(data: Float32Array, start: number, plane: number): Rgb {
  const [r, g, b] = [0, 1, 2].map((c) => data.subarray(start + c * plane, start + (c + 1) * plane))
  return { r: r!, g: g!, b: b! }
}

const clamp = (x: number) => (x < 0 ? 0 : x > 1 ? 1 : x)
const gray = ({ r, g, b }: Rgb, i: number) => RED * r[i]! + GREEN * g[i]! + BLUE * b[i]!

export interface ColorJitterOptions {
  /** Factor from 1 − value to 1 + value. Default 0. */
  readonly brightness?: number
  readonly contrast?: number
  readonly saturation?: number
  /** Turns of the colour circle, ±value, at most ½. Default 0. */
  readonly hue?: number
}

/**
 * Changes brightness, contrast, saturation and hue of RGB images from 0 to 1 at random, in random
 * order, as torchvision's `ColorJitter`.
 *
 * @throws BrickError `argument` for a value out of range, `shape` for what is no RGB.
 * @example
 * ```ts
 * const jitter = data.transforms.colorJitter({ brightness: 0.2, hue: 0.1 })
 * data.transforms.apply(jitter, images, { seed: 1 }).shape // [2, 3, 8, 8]
 * ```
 */
export function colorJitter(options: ColorJitterOptions): BatchTransform {
  const { brightness = 0, contrast = 0, saturation = 0, hue = 0 } = options
  for (const [name, value] of Object.entries({ brightness, contrast, saturation })) {
    checkRange('colorJitter', name, value, 0, 100)
  }
  checkRange('colorJitter', 'hue', hue, 0, 0.5)
  const factor = (random: Random, value: number) =>
    random.uniform(Math.max(0, 1 - value), 1 + value)
  const steps = [
    [brightness, (rgb: Rgb, random: Random) => brighten(rgb, factor(random, brightness))],
    [contrast, (rgb: Rgb, random: Random) => contrastBy(rgb, factor(random, contrast))],
    [saturation, (rgb: Rgb, random: Random) => saturate(rgb, factor(random, saturation))],
    [hue, (rgb: Rgb, random: Random) => turnHue(rgb, random.uniform(-hue, hue))],
  ] as const
  const transform = inPlace(
    'colorJitter',
    (start, random, { height, width, data }) => {
      const rgb = planesOf(data, start, height * width)
      for (const at of random.permutation(4)) {
        const [value, change] = steps[at]!
        if (value > 0) change(rgb, random)
      }
    },
    3,
  )
  return portable(transform, url, 'colorJitter', () => [options])
}

/** @internal x · factor. */
export function brighten({ r, g, b }: Rgb, factor: number): void {
  for (const plane of [r, g, b]) {
    for (let i = 0; i < plane.length; i++) plane[i] = clamp(plane[i]! * factor)
  }
}

/** @internal Away from the mean brightness. */
export function contrastBy(rgb: Rgb, factor: number): void {
  let sum = 0
  for (let i = 0; i < rgb.r.length; i++) sum += gray(rgb, i)
  const rest = (1 - factor) * (sum / rgb.r.length)
  for (const plane of [rgb.r, rgb.g, rgb.b]) {
    for (let i = 0; i < plane.length; i++) plane[i] = clamp(plane[i]! * factor + rest)
  }
}

/** @internal Away from the pixel's own brightness. */
export function saturate(rgb: Rgb, factor: number): void {
  for (let i = 0; i < rgb.r.length; i++) {
    const rest = (1 - factor) * gray(rgb, i)
    for (const plane of [rgb.r, rgb.g, rgb.b]) plane[i] = clamp(plane[i]! * factor + rest)
  }
}

/** @internal Turns hue on the circle of HSV. */
export function turnHue({ r, g, b }: Rgb, turn: number): void {
  for (let i = 0; i < r.length; i++) {
    const [red, green, blue] = [r[i]!, g[i]!, b[i]!]
    const high = Math.max(red, green, blue)
    const range = high - Math.min(red, green, blue)
    if (range === 0) continue
    const place =
      high === red
        ? (green - blue) / range
        : high === green
          ? 2 + (blue - red) / range
          : 4 + (red - green) / range
    const hue = 6 * ((place / 6 + turn + 2) % 1)
    // One channel of HSV: full near its own hue, none opposite to it.
    const channel = (shift: number) => {
      const k = (hue + shift) % 6
      return high - range * Math.max(0, Math.min(k, 4 - k, 1))
    }
    r[i] = channel(5)
    g[i] = channel(3)
    b[i] = channel(1)
  }
}

/**
 * RGB images as their brightness, in one channel or three alike: 0.2989 R + 0.587 G + 0.114 B.
 *
 * @throws BrickError `shape` for what is no RGB.
 * @example
 * ```ts
 * data.transforms.apply(data.transforms.grayscale(), images).shape // [2, 1, 8, 8]
 * ```
 */
export function grayscale(channels: 1 | 3 = 1): BatchTransform {
  const transform: BatchTransform = (inputs) => {
    const images = imagesOf('grayscale', inputs, 3)
    const plane = images.height * images.width
    const data = new Float32Array(images.n * channels * plane)
    for (let i = 0; i < images.n; i++) {
      const rgb = planesOf(images.data, 3 * i * plane, plane)
      for (let c = 0; c < channels; c++) {
        const at = (i * channels + c) * plane
        for (let p = 0; p < plane; p++) data[at + p] = gray(rgb, p)
      }
    }
    return viewOf({ ...images, channels, data })
  }
  return portable(transform, url, 'grayscale', () => [channels])
}

/**
 * AlexNet's colour noise: to each image one colour p₁ α₁ λ₁ + p₂ α₂ λ₂ + p₃ α₃ λ₃ is added, where
 * pₖ and λₖ are the principal axes of the training set's colours and the standard deviations along
 * them, and αₖ is normal with standard deviation `std`.
 *
 * Source: Krizhevsky, Sutskever, Hinton, “ImageNet classification with deep convolutional neural
 * networks”, 2012. Its λ are the eigenvalues; deviations, their roots, are in the pixels' own unit,
 * so the noise is the same share of them whether they go to 1 or to 255.
 *
 * @param pca What `data.colorPca(train)` found.
 * @throws BrickError `shape` for what is no RGB, `argument` for a PCA that is none of three axes.
 * @example
 * ```ts
 * const pca = { values: [0.2, 0.02, 0.004], vectors: [[1, 0, 0], [0, 1, 0], [0, 0, 1]] }
 * data.transforms.apply(data.transforms.pcaNoise(pca), images).shape // [2, 3, 8, 8]
 * ```
 */
export function pcaNoise(pca: ColorPca, std = 0.1): BatchTransform {
  const { values, vectors } = pca
  if (values.length !== 3 || vectors.length !== 3 || vectors.some((axis) => axis.length !== 3)) {
    throw new BrickError({
      kind: 'argument',
      where: 'pcaNoise',
      wanted: 'three values and three axes of three numbers',
      got: JSON.stringify(pca),
      remedy: 'Measure them: await data.colorPca(trainSet).',
    })
  }
  const each = inPlace(
    'pcaNoise',
    (start, random, { height, width, data }) => {
      const alphas = values.map((value) => value * std * random.normal())
      for (let c = 0; c < 3; c++) {
        const shift = alphas.reduce((sum, alpha, k) => sum + alpha * vectors[k]![c]!, 0)
        const at = start + c * height * width
        for (let i = at; i < at + height * width; i++) data[i]! += shift
      }
    },
    3,
  )
  return portable(each, url, 'pcaNoise', () => [pca, std])
}
