import { type CurveOptions, drawCurves } from './curves.ts'

/** What a chart shows. */
export interface Chart {
  readonly title: string
  readonly curves: Parameters<typeof drawCurves>[0]
}

/** From this width on, two charts stand side by side. */
const WIDE = 116

/** Charts in two columns, or below each other where the terminal is narrow. */
export function drawCharts(
  charts: readonly Chart[],
  { columns, color, height = 9 }: { columns: number; color: boolean; height?: number },
): string {
  const isWide = columns >= WIDE && charts.length > 1
  const width = isWide ? Math.min(60, Math.floor(columns / 2) - 14) : Math.min(64, columns - 16)
  const options = { width, height, color } satisfies Partial<CurveOptions>
  const drawn = charts.map(({ title, curves }) => drawCurves(curves, { title, ...options }))
  if (!isWide) return drawn.join('\n')
  const rows = Array.from({ length: Math.ceil(drawn.length / 2) }, (_, i) =>
    beside(drawn[2 * i]!, drawn[2 * i + 1] ?? '', width + 14),
  )
  return rows.join('\n')
}

/** Two texts side by side, the second from a column on. */
function beside(left: string, right: string, column: number): string {
  const rows = [left.split('\n'), right.split('\n')] as const
  const length = Math.max(rows[0].length, rows[1].length)
  return Array.from({ length }, (_, i) => {
    const [a = '', b = ''] = [rows[0][i], rows[1][i]]
    return b ? `${a}${' '.repeat(Math.max(1, column - visibleWidth(a)))}${b}` : a
  }).join('\n')
}

/** Characters that are seen: without colour codes. */
export function visibleWidth(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes begin with one.
  return [...text.replace(/\x1b\[[0-9;]*m/g, '')].length
}
