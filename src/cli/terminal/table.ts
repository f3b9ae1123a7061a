/** A column of a table. */
export interface Column<Row> {
  readonly title: string
  readonly align?: 'left' | 'right'
  cell(row: Row): string
}

const GAP = '  '

const widthOf = (text: string): number => [...text].length

const padded = (text: string, width: number, align: 'left' | 'right' = 'left'): string => {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'right' ? space + text : text + space
}

/**
 * Rows in columns as wide as they need. Columns at the end are left out where the line is too
 * short.
 *
 * @param paint Colours a whole row, or the head (−1).
 */
export function drawTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  lineWidth: number,
  paint: (text: string, row: number) => string = (text) => text,
): string[] {
  const widths = columns.map(({ title, cell }) =>
    Math.max(widthOf(title), ...rows.map((row) => widthOf(cell(row)))),
  )
  let shown = columns.length
  const total = () => widths.slice(0, shown).reduce((sum, w) => sum + w + GAP.length, -GAP.length)
  while (shown > 1 && total() > lineWidth) shown--
  const line = (cells: readonly string[]) =>
    cells
      .slice(0, shown)
      .map((cell, i) => padded(cell, widths[i]!, columns[i]!.align))
      .join(GAP)
      .trimEnd()
  const head = paint(line(columns.map(({ title }) => title)), -1)
  return [head, ...rows.map((row, i) => paint(line(columns.map((c) => c.cell(row))), i))]
}
