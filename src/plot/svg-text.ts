import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphRows } from './font.ts'

/** How texts are drawn: by the viewer's fonts, or as shapes, for machines that have none. */
export type TextStyle = 'fonts' | 'shapes'

export interface TextOptions {
  /** Height of a capital letter in pixels is about 0.7 of it. */
  readonly size: number
  readonly color: string
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly bold?: boolean
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }
export const escapeText = (text: string): string => text.replace(/[&<>]/g, (c) => escapes[c]!)

/** A text whose baseline begins (or has its middle or end) at (x, y). */
export type DrawText = (x: number, y: number, text: string, options: TextOptions) => string

const byFonts: DrawText = (x, y, text, { size, color, anchor = 'start', bold = false }) =>
  `<text x="${x}" y="${y}" font-size="${size}" fill="${color}" text-anchor="${anchor}"${bold ? ' font-weight="600"' : ''}>${escapeText(text)}</text>`

/** Pixels of a row of five that lie side by side, as [first, length]. */
function runsOf(bits: number): [from: number, length: number][] {
  const runs: [number, number][] = []
  for (let column = 0; column < GLYPH_WIDTH; column++) {
    if (!(bits & (1 << (GLYPH_WIDTH - 1 - column)))) continue
    const last = runs.at(-1)
    if (last && last[0] + last[1] === column) last[1]++
    else runs.push([column, 1])
  }
  return runs
}

const byShapes: DrawText = (x, y, text, { size, color, anchor = 'start' }) => {
  // Half pixels, which are whole ones in a picture of twice the size.
  const pixel = Math.max(1, Math.round((size * 2) / 9) / 2)
  const characters = [...text]
  const width = (characters.length * (GLYPH_WIDTH + 1) - 1) * pixel
  const left = Math.round(x - (anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0))
  const top = Math.round(y) - GLYPH_HEIGHT * pixel
  const path = characters.flatMap((character, i) =>
    glyphRows(character).flatMap((bits, row) =>
      runsOf(bits).map(([from, length]) => {
        const at = left + (i * (GLYPH_WIDTH + 1) + from) * pixel
        const across = length * pixel
        return `M${at} ${top + row * pixel}h${across}v${pixel}h${-across}z`
      }),
    ),
  )
  return `<path d="${path.join('')}" fill="${color}"/>`
}

export const textDrawer = (style: TextStyle): DrawText => (style === 'fonts' ? byFonts : byShapes)
