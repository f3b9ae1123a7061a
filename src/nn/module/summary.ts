/** One module of a summary. */
export interface SummaryRow {
  readonly path: string
  readonly kind: string
  readonly output: string
  readonly parameters: number
}

export interface Totals {
  readonly trainable: number
  readonly frozen: number
}

const whole = (n: number): string => n.toLocaleString('en-US')

/** The rows as a table with the sums below. */
export function summaryTable(rows: readonly SummaryRow[], { trainable, frozen }: Totals): string {
  const head = ['layer', 'kind', 'output', 'parameters']
  const body = rows.map((r) => [r.path, r.kind, r.output, r.parameters ? whole(r.parameters) : '–'])
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((cells) => cells[i]!.length)))
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (i === 3 ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd()
  const rule = '─'.repeat(widths.reduce((a, b) => a + b + 2, -2))
  const sums = `${whole(trainable + frozen)} parameters${frozen ? `, ${whole(frozen)} of them frozen` : ''}`
  return [line(head), rule, ...body.map(line), rule, sums].join('\n')
}
