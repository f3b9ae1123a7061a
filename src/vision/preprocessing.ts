import type { ArrayView } from '../base/array.ts'
import { checkWhole } from '../data/check.ts'
import type { Gatherer } from '../data/dataset.ts'
import type { DecodeOptions, ImageSource } from '../data/readers/image.ts'
import { statistics } from '../data/statistics.ts'

/** Mean and standard deviation of each plane, of values from 0 to 1. */
export interface PlaneStatistics {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** How an image becomes what a network takes. It is plain JSON, and kept with the weights. */
export interface Preprocessing {
  /** Pixels that the network takes. */
  readonly size: readonly [height: number, width: number]
  /** The planes, in their order. */
  readonly channels: 'rgb' | 'bgr' | 'grey'
  /** Pixels of the shorter side before the middle is cut out; null: the image is stretched to the size. */
  readonly resize: number | null
  readonly interpolation: 'bilinear' | 'bicubic' | 'lanczos'
  /** What becomes of a byte: (x / 255 − mean) / std, for each plane. */
  readonly normalize: PlaneStatistics
  /** Whether the network knows handwriting as bright ink on black: paper is turned around. */
  readonly ink: boolean
}

/** Means and deviations of ImageNet's training images, as torchvision's networks have them. */
export const imagenetStatistics: PlaneStatistics = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
}

/**
 * The preprocessing that most ImageNet networks were trained with: the shorter side to size / 0.875,
 * the middle cut out, (x / 255 − mean) / std.
 *
 * @throws BrickError `argument` for a size that is no whole number from 1.
 * @example
 * ```ts
 * vision.imagenetPreprocessing().resize // 256
 * vision.imagenetPreprocessing(128).size // [128, 128]
 * ```
 */
export function imagenetPreprocessing(size = 224): Preprocessing {
  checkWhole('imagenetPreprocessing', 'size', size, 1)
  return {
    size: [size, size],
    channels: 'rgb',
    resize: Math.round(size / 0.875),
    interpolation: 'bilinear',
    normalize: imagenetStatistics,
    ink: false,
  }
}

const normalizations = {
  /** (x / 255 − mean) / std of ImageNet. */
  imagenet: imagenetStatistics,
  /** Bytes minus their means, blue first. */
  caffe: {
    mean: [104 / 255, 117 / 255, 123 / 255],
    std: [1 / 255, 1 / 255, 1 / 255],
  },
  /** −1 … 1. */
  tensorflow: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  /** 0 … 1. */
  unit: { mean: [0, 0, 0], std: [1, 1, 1] },
  /** 0 … 255. */
  bytes: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
} as const satisfies Readonly<Record<string, PlaneStatistics>>

/** Usual ways to prepare pixels. */
export type PresetName = keyof typeof normalizations
export const presetNames = Object.keys(normalizations) as readonly PresetName[]

/** A preprocessing with its pixels prepared in a usual way; undefined for another name. */
export function preset(name: string, base = imagenetPreprocessing()): Preprocessing | undefined {
  if (!Object.hasOwn(normalizations, name)) return undefined
  const { mean, std } = normalizations[name as PresetName]
  const grey = base.channels === 'grey'
  return {
    ...base,
    channels: grey ? 'grey' : name === 'caffe' ? 'bgr' : 'rgb',
    normalize: grey ? { mean: [mean[0]], std: [std[0]] } : { mean, std },
  }
}

/** Images as they lie in a dataset [channels, height, width]: nothing is cut off, mean 0, deviation 1. */
export function datasetPreprocessing(dataset: Gatherer, ink: boolean): Preprocessing {
  const [channels, height = 1, width = 1] = dataset.input.shape
  const { mean, std } = statistics(dataset)
  return {
    size: [height, width],
    channels: channels === 1 ? 'grey' : 'rgb',
    resize: null,
    interpolation: 'lanczos',
    normalize: { mean, std },
    ink,
  }
}

/** The shape of one input. */
export function inputShapeOf({ channels, size }: Preprocessing): [number, number, number] {
  return [channels === 'grey' ? 1 : 3, ...size]
}

/**
 * The same for images of another size, with as much of them cut off.
 *
 * @throws BrickError `argument` for a size that is no whole number from 1.
 */
export function resized(preprocessing: Preprocessing, size: number): Preprocessing {
  checkWhole('preprocessing', 'size', size, 1)
  const { resize, size: before } = preprocessing
  const ratio = size / Math.min(...before)
  return {
    ...preprocessing,
    size: [size, size],
    resize: resize === null ? null : Math.round(resize * ratio),
  }
}

/** How image files are decoded for a network. */
export function decodingOf({
  channels,
  size,
  resize,
  interpolation,
}: Preprocessing): DecodeOptions {
  const [height, width] = size
  return {
    width,
    height,
    channels: channels === 'grey' ? 1 : 3,
    interpolation,
    ...(resize === null ? { fit: 'fill' } : { fit: 'cover', resize }),
  }
}

/**
 * An image's bytes [channels, height, width] as a network's preprocessing cuts and turns them; not
 * yet normalised. In Node.
 *
 * @throws BrickError `file` if it is missing, no image or damaged.
 */
export async function readPixels(
  source: ImageSource,
  preprocessing: Preprocessing,
  limits: Pick<DecodeOptions, 'maxPixels'> = {},
): Promise<ArrayView<'u8'>> {
  const { decodeImage } = await import('../data/readers/image.ts')
  const image = await decodeImage(source, { ...decodingOf(preprocessing), ...limits })
  turnPixels(image, preprocessing)
  return image
}

/** What decoding leaves as it is: handwriting becomes bright on black, blue comes first. In place. */
export function turnPixels(
  image: ArrayView<'u8'>,
  { ink, channels }: Pick<Preprocessing, 'ink' | 'channels'>,
): void {
  if (ink && borderMean(image) > 127.5) invert(image.data)
  if (channels === 'bgr') swapRedAndBlue(image.data)
}

function invert(data: Uint8Array): void {
  for (let i = 0; i < data.length; i++) data[i] = 255 - data[i]!
}

function swapRedAndBlue(data: Uint8Array): void {
  const plane = data.length / 3
  const red = data.slice(0, plane)
  data.copyWithin(0, 2 * plane)
  data.set(red, 2 * plane)
}

/** The mean brightness of the outermost pixels. */
function borderMean({ shape, data }: ArrayView<'u8'>): number {
  const [, height = 0, width = 0] = shape
  let sum = 0
  let count = 0
  for (let i = 0; i < data.length; i++) {
    const x = i % width
    const y = Math.floor(i / width) % height
    if (x > 0 && x < width - 1 && y > 0 && y < height - 1) continue
    sum += data[i]!
    count++
  }
  return sum / count
}

type Check = (value: unknown) => boolean

const isSize: Check = (value) => Number.isSafeInteger(value) && (value as number) > 0
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const oneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value)
const recordOf =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]))

const hasPreprocessing = recordOf({
  size: (value) => listOf(isSize)(value) && (value as unknown[]).length === 2,
  channels: oneOf('rgb', 'bgr', 'grey'),
  resize: (value) => value === null || isSize(value),
  interpolation: oneOf('bilinear', 'bicubic', 'lanczos'),
  normalize: recordOf({
    mean: listOf(Number.isFinite),
    std: listOf(Number.isFinite),
  }),
  ink: (value) => typeof value === 'boolean',
})

/** Whether a value, as JSON says it, is a preprocessing. */
export const isPreprocessing = (value: unknown): value is Preprocessing => hasPreprocessing(value)
