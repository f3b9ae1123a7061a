import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { showShape, sizeOf } from '../base/shape.ts'
import { Canvas, type Color, colorAt, fitText, textHeight, textWidth } from './canvas.ts'

/** An image, and what is said of it. */
export interface GalleryImage {
  /** u8 from 0 to 255 or f32 from 0 to 1, `[channels, height, width]` with 1 or 3 channels. */
  readonly image: ArrayView
  /** The text under it, such as the true class's name. Default: none. */
  readonly label?: string
  /** The predicted class's name, if a network has judged the image. */
  readonly predicted?: string
}

/** A titled part of a gallery. */
export interface GallerySection {
  readonly title: string
  readonly images: readonly GalleryImage[]
}

export interface GalleryOptions {
  /** Images side by side. Default 10. */
  readonly columns?: number
  /** About how many pixels wide and high an image is shown. Default 72. */
  readonly size?: number
}

const PAGE: Color = [246, 247, 249]
const CARD: Color = [255, 255, 255]
const EDGE: Color = [222, 226, 231]
const INK: Color = [36, 41, 47]
const FAINT: Color = [119, 128, 138]
const GREEN: Color = [26, 127, 55]
const RED: Color = [207, 34, 46]

const MARGIN = 24
const GAP = 12
const PADDING = 6
const CAPTION = 2
const TITLE = 3
/** From one line of a caption to the next. */
const LINE = textHeight(CAPTION) + 6

/**
 * A PNG of images in a grid, each over its label: in green where a prediction is right, as
 * `label → predicted` in red where it is wrong. Small images are enlarged pixel by pixel, large ones made smaller. Needs no
 * fonts on the machine. In Node.
 *
 * @throws BrickError `shape` for an image that isn't `[1 or 3, height, width]`.
 * @example
 * ```ts
 * const image = { dtype: 'f32' as const, shape: [1, 8, 8], data: new Float32Array(64) }
 * const png = await plot.drawGallery([{ title: 'an empty digit', images: [{ image, label: '3' }] }])
 * png.length > 0 // true
 * ```
 */
export async function drawGallery(
  sections: readonly GallerySection[],
  options: GalleryOptions = {},
): Promise<Uint8Array> {
  const { size = 72 } = options
  const shown = sections.map(({ title, images }) => ({
    title,
    images: images.map(({ image, ...rest }) => ({ image: shrunk(image, size), ...rest })),
  }))
  const layout = layoutOf(shown, options)
  const canvas = new Canvas(layout.width, layout.height, PAGE)
  let y = MARGIN
  for (const section of shown) y = drawSection(canvas, layout, section, y)
  return canvas.png()
}

/**
 * The images of an array [n, channels, height, width], for a section of a gallery. They share its
 * memory.
 *
 * @throws BrickError `shape` for an array of another rank.
 * @example
 * ```ts
 * const images = plot.imagesOf({ dtype: 'f32', shape: [2, 1, 8, 8], data: new Float32Array(128) })
 * images.length // 2
 * ```
 */
export function imagesOf({ dtype, shape, data }: ArrayView): GalleryImage[] {
  const [n, ...own] = shape
  if (own.length !== 3) {
    const wanted = 'an array [n, channels, height, width]'
    throw new BrickError({ kind: 'shape', where: 'imagesOf', wanted, got: showShape(shape) })
  }
  const size = sizeOf(own)
  return Array.from({ length: n! }, (_, i) => {
    const part = data.subarray(i * size, (i + 1) * size)
    return { image: { dtype, shape: own, data: part } as ArrayView }
  })
}

interface Layout {
  readonly columns: number
  /** Pixels of the card around an image and its caption. */
  readonly cardWidth: number
  readonly cardHeight: number
  readonly imageSize: number
  readonly width: number
  readonly height: number
}

function layoutOf(
  sections: readonly GallerySection[],
  { columns = 10, size = 72 }: GalleryOptions,
): Layout {
  const all = sections.flatMap(({ images }) => images)
  const lines = all.map((image) => captionOf(image, size))
  const sides = all.map(({ image }) => Math.max(...sizeOfImage(image)))
  const imageSize = Math.max(size, ...sides.map((side) => side * scaleFor(side, size)))
  const widest = Math.max(0, ...lines.flat().map((line) => textWidth(line, CAPTION)))
  const cardWidth = Math.max(imageSize, Math.min(widest, 2 * imageSize)) + 2 * PADDING
  const captionLines = Math.max(0, ...lines.map(({ length }) => length))
  const cardHeight = imageSize + 2 * PADDING + captionLines * LINE
  const heights = sections.map(({ images }) => {
    const rows = Math.ceil(images.length / columns)
    return textHeight(TITLE) + GAP + Math.max(rows * (cardHeight + GAP), textHeight(CAPTION) + GAP)
  })
  return {
    columns,
    cardWidth,
    cardHeight,
    imageSize,
    width: 2 * MARGIN + columns * (cardWidth + GAP) - GAP,
    height: 2 * MARGIN + heights.reduce((a, b) => a + b + MARGIN, 0) - MARGIN - GAP,
  }
}

/** An image that is much larger than it is shown, made smaller by whole times: means of squares of pixels. */
function shrunk(image: ArrayView, size: number): ArrayView {
  const [height, width] = sizeOfImage(image)
  const times = Math.round(Math.max(height, width) / size)
  if (times < 2) return image
  const [channels = 1] = image.shape
  const [h, w] = [Math.floor(height / times), Math.floor(width / times)]
  const data = new Float32Array(channels * h * w)
  const scale = 1 / (times * times * (image.dtype === 'f32' ? 1 : 255))
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < h * times; y++) {
      for (let x = 0; x < w * times; x++) {
        const to = (c * h + Math.floor(y / times)) * w + Math.floor(x / times)
        data[to]! += image.data[(c * height + y) * width + x]! * scale
      }
    }
  }
  return { dtype: 'f32', shape: [channels, h, w], data }
}

/** How many times an image is enlarged: whole times, so that its pixels stay square. */
function scaleFor(side: number, size: number): number {
  return Math.max(1, Math.round(size / side))
}

function sizeOfImage({ shape }: ArrayView): [height: number, width: number] {
  const [channels, height, width] = shape
  if (shape.length === 3 && (channels === 1 || channels === 3) && height && width) {
    return [height, width]
  }
  throw new BrickError({
    kind: 'shape',
    where: 'gallery',
    wanted: 'images [1 or 3, height, width]',
    got: showShape(shape),
  })
}

/** Returns where the next section begins. */
function drawSection(
  canvas: Canvas,
  layout: Layout,
  { title, images }: GallerySection,
  top: number,
): number {
  const { columns, cardWidth, cardHeight } = layout
  canvas.text(MARGIN, top, title, TITLE, INK)
  const start = top + textHeight(TITLE) + GAP
  if (images.length === 0) {
    canvas.text(MARGIN, start, 'none', CAPTION, FAINT)
    return start + textHeight(CAPTION) + GAP + MARGIN
  }
  for (const [i, image] of images.entries()) {
    const x = MARGIN + (i % columns) * (cardWidth + GAP)
    const y = start + Math.floor(i / columns) * (cardHeight + GAP)
    drawCard(canvas, layout, image, x, y)
  }
  return start + Math.ceil(images.length / columns) * (cardHeight + GAP) + MARGIN
}

function drawCard(
  canvas: Canvas,
  { cardWidth, cardHeight, imageSize }: Layout,
  shown: GalleryImage,
  x: number,
  y: number,
): void {
  const { label, predicted } = shown
  const color = predicted === undefined ? INK : predicted === label ? GREEN : RED
  canvas.rounded(x, y, cardWidth, cardHeight, 6, color === RED ? RED : EDGE)
  canvas.rounded(x + 1, y + 1, cardWidth - 2, cardHeight - 2, 5, CARD)
  const center = x + cardWidth / 2
  drawImage(canvas, shown.image, Math.floor(center - imageSize / 2), y + PADDING, imageSize)
  for (const [i, line] of captionOf(shown, imageSize).entries()) {
    const text = fitText(line, CAPTION, cardWidth - PADDING)
    const left = Math.round(center - textWidth(text, CAPTION) / 2)
    canvas.text(left, y + imageSize + 2 * PADDING + i * LINE, text, CAPTION, color)
  }
}

/** In one line where it fits under the image, else the truth over the prediction. */
function captionOf({ label = '', predicted }: GalleryImage, width: number): string[] {
  if (predicted === undefined || predicted === label) return label ? [label] : []
  const line = `${label} → ${predicted}`
  return textWidth(line, CAPTION) <= width ? [line] : [label, `→ ${predicted}`]
}

/** The image in the middle of a black square. */
function drawImage(canvas: Canvas, image: ArrayView, x: number, y: number, size: number): void {
  const [height, width] = sizeOfImage(image)
  const scale = Math.max(1, Math.floor(size / Math.max(height, width)))
  const left = x + Math.floor((size - width * scale) / 2)
  const top = y + Math.floor((size - height * scale) / 2)
  canvas.rectangle(x, y, size, size, [0, 0, 0])
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const color = colorAt(image, row * width + column)
      canvas.rectangle(left + column * scale, top + row * scale, scale, scale, color)
    }
  }
}
