import type { ArrayView } from '../base/array.ts'
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows } from './font.ts'

/** Red, green and blue from 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number]

/** Pixels per column of a text of scale 1, the gap included. */
const ADVANCE = GLYPH_WIDTH + 1

/** The width of a text in pixels. */
export function textWidth(text: string, scale: number): number {
  return Math.max(0, [...text].length * ADVANCE - 1) * scale
}

/** The longest beginning of a text that fits into a width, with … where something was cut. */
export function fitText(text: string, scale: number, width: number): string {
  if (textWidth(text, scale) <= width) return text
  const characters = [...text]
  while (characters.length > 0 && textWidth(`${characters.join('')}…`, scale) > width) {
    characters.pop()
  }
  return `${characters.join('').trimEnd()}…`
}

/** An RGB picture to draw on, row by row from the top left. What lies outside is left out. */
export class Canvas {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array

  constructor(width: number, height: number, background: Color) {
    this.width = width
    this.height = height
    this.pixels = new Uint8Array(3 * width * height)
    this.rectangle(0, 0, width, height, background)
  }

  rectangle(x: number, y: number, width: number, height: number, color: Color): void {
    const right = Math.min(x + width, this.width)
    const bottom = Math.min(y + height, this.height)
    for (let row = Math.max(y, 0); row < bottom; row++) {
      for (let column = Math.max(x, 0); column < right; column++) {
        this.pixels.set(color, 3 * (row * this.width + column))
      }
    }
  }

  /** A rectangle whose corners are rounded by a radius. */
  rounded(x: number, y: number, width: number, height: number, radius: number, color: Color): void {
    for (let row = 0; row < height; row++) {
      const fromEdge = Math.min(row, height - 1 - row)
      const depth = Math.max(0, radius - fromEdge - 0.5)
      const inset = Math.round(radius - Math.sqrt(radius ** 2 - depth ** 2))
      this.rectangle(x + inset, y + row, width - 2 * inset, 1, color)
    }
  }

  /** An image [1 or 3, height, width] with its top left corner at (x, y), pixel by pixel. */
  image(x: number, y: number, image: ArrayView): void {
    const [, height = 0, width = 0] = image.shape
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const color = colorAt(image, row * width + column)
        this.rectangle(x + column, y + row, 1, 1, color)
      }
    }
  }

  /** The picture as a PNG. In Node. */
  async png(): Promise<Uint8Array> {
    const { default: sharp } = await import('sharp')
    const raw = { width: this.width, height: this.height, channels: 3 as const }
    return sharp(this.pixels, { raw }).png({ palette: false, compressionLevel: 9 }).toBuffer()
  }

  /** A text with its top left corner at (x, y); a font pixel takes scale × scale pixels. */
  text(x: number, y: number, text: string, scale: number, color: Color): void {
    for (const [i, character] of [...text].entries()) {
      for (const [row, bits] of glyphRows(character).entries()) {
        for (let column = 0; column < GLYPH_WIDTH; column++) {
          if (!(bits & (1 << (GLYPH_WIDTH - 1 - column)))) continue
          const left = x + (i * ADVANCE + column) * scale
          this.rectangle(left, y + row * scale, scale, scale, color)
        }
      }
    }
  }
}

/** The height of a line of text in pixels. */
export function textHeight(scale: number): number {
  return GLYPH_HEIGHT * scale
}

/** The colour of an image's pixel, bytes or f32 from 0 to 1. */
export function colorAt({ dtype, shape, data }: ArrayView, at: number): Color {
  const plane = shape[1]! * shape[2]!
  const byte = (channel: number) => {
    const value = data[at + channel * plane]!
    return dtype === 'f32' ? Math.round(Math.min(Math.max(value, 0), 1) * 255) : value
  }
  return shape[0] === 1 ? [byte(0), byte(0), byte(0)] : [byte(0), byte(1), byte(2)]
}
