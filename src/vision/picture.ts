import type { ArrayView } from '../base/array.ts'
import type { ImageSource } from '../data/readers/image.ts'
import { Canvas, type Color, fitText, textHeight } from '../plot/canvas.ts'
import type { Guess } from './classifier.ts'

/** An image, and what a network sees on it. */
export interface LabelledImage {
  readonly image: ImageSource
  readonly guesses: readonly Guess[]
}

const WIDTH = 420
const PHOTO = 300
const MARGIN = 20
const SCALE = 2
const LINE = textHeight(SCALE) + 12
const PAGE: Color = [246, 247, 249]
const INK: Color = [36, 41, 47]
const FAINT: Color = [119, 128, 138]
const BAR: Color = [47, 111, 222]
const TRACK: Color = [222, 226, 231]

/**
 * A PNG of images, each beside the names and probabilities of its likeliest classes. In Node.
 *
 * @throws BrickError `file` for an image that is missing or damaged.
 */
export async function labelledPicture(images: readonly LabelledImage[]): Promise<Uint8Array> {
  const rows = await Promise.all(
    images.map(async ({ image, guesses }) => ({ photo: await thumbnail(image, PHOTO), guesses })),
  )
  const heights = rows.map(({ photo, guesses }) =>
    Math.max(photo.shape[1]!, guesses.length * 2 * LINE),
  )
  const height = heights.reduce((sum, own) => sum + own + MARGIN, MARGIN)
  const canvas = new Canvas(PHOTO + WIDTH + 3 * MARGIN, height, PAGE)
  let y = MARGIN
  for (const [i, { photo, guesses }] of rows.entries()) {
    canvas.image(MARGIN + Math.floor((PHOTO - photo.shape[2]!) / 2), y, photo)
    drawGuesses(canvas, guesses, 2 * MARGIN + PHOTO, y)
    y += heights[i]! + MARGIN
  }
  return canvas.png()
}

function drawGuesses(canvas: Canvas, guesses: readonly Guess[], x: number, top: number): void {
  for (const [i, { name, probability }] of guesses.entries()) {
    const y = top + i * 2 * LINE
    const share = `${(100 * probability).toFixed(1)} %`
    canvas.text(x, y, fitText(name, SCALE, WIDTH), SCALE, i === 0 ? INK : FAINT)
    const bar = WIDTH - 90
    canvas.rectangle(x, y + LINE - 4, bar, 10, TRACK)
    canvas.rectangle(x, y + LINE - 4, Math.round(bar * probability), 10, BAR)
    canvas.text(x + bar + 10, y + LINE - 6, share, SCALE, i === 0 ? INK : FAINT)
  }
}

/** An image that fits into a square, as bytes [3, height, width]. */
export async function thumbnail(image: ImageSource, side: number): Promise<ArrayView<'u8'>> {
  const { decodeImage } = await import('../data/readers/image.ts')
  return decodeImage(image, { width: side, height: side, channels: 3, fit: 'inside' })
}
