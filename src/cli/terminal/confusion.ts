import pc from 'picocolors'

/** `counts[t][p]`: examples of class t that were taken for class p. */
export type ConfusionMatrix = readonly (readonly number[])[]

/**
 * The matrix as a table: a row for each true class, a column for each predicted one, zeros as
 * dots, and at the end the share of the class that was right. Long class names head only the
 * rows; the columns have their numbers then. Readable without colour.
 *
 * @example
 * ```ts
 * console.log(drawConfusion([[9, 1], [0, 10]], ['cat', 'dog']))
 * ```
 */
export function drawConfusion(
  counts: ConfusionMatrix,
  classNames: readonly string[],
  options: { color?: boolean } = {},
): string {
  const colors = pc.createColors(options.color ?? pc.isColorSupported)
  const numbered = classNames.some((name) => [...name].length > 4)
  const heads = numbered ? classNames.map((_, i) => `${i}`) : classNames
  const names = numbered ? classNames.map((name, i) => `${i} ${name}`) : classNames
  const cells = [...counts.flat().map(String), ...heads]
  const width = Math.max(...cells.map((cell) => [...cell].length)) + 2
  const margin = Math.max(4, ...names.map((name) => [...name].length))
  const worst = Math.max(1, ...counts.flatMap((row, t) => row.filter((_, p) => p !== t)))

  const cell = (count: number, isRight: boolean) => {
    const text = (count === 0 ? '·' : `${count}`).padStart(width)
    if (isRight) return colors.bold(colors.green(text))
    if (count === 0) return colors.dim(text)
    return count > worst / 2 ? colors.bold(colors.red(text)) : colors.red(text)
  }
  const rows = counts.map((row, t) => {
    const total = row.reduce((a, b) => a + b, 0)
    const share = total === 0 ? '–' : `${((100 * row[t]!) / total).toFixed(1)} %`
    const name = numbered ? names[t]!.padEnd(margin) : names[t]!.padStart(margin)
    const line = row.map((count, p) => cell(count, p === t)).join('')
    return `${name} ${colors.dim('│')}${line}  ${colors.dim('│')}${share.padStart(8)}`
  })
  const head = heads.map((name) => name.padStart(width)).join('')
  const rule = (joint: string) =>
    `${'─'.repeat(margin + 1)}${joint}${'─'.repeat(heads.length * width + 2)}${joint}${'─'.repeat(8)}`
  return [
    `${' '.repeat(margin)} ${colors.dim('│')}${colors.dim(' predicted')}`,
    `${'true'.padStart(margin)} ${colors.dim('│')}${head}  ${colors.dim('│')}${'right'.padStart(8)}`,
    colors.dim(rule('┼')),
    ...rows,
    '',
  ].join('\n')
}
