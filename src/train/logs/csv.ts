import type { EpochRecord } from '../history.ts'

/** A cell, in quotes where it holds what ends a cell (RFC 4180). */
const cell = (value: string): string =>
  /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value

/** A number that JSON turned into null was none. */
const number = (value: number | null | undefined): string => (value == null ? '' : `${value}`)

/**
 * A run's epochs as CSV: epoch, seconds, lr, then `train_loss`, `train_accuracy`, … and the same of
 * the validation set. Cells without a value are empty.
 */
export function csvOf(history: readonly EpochRecord[]): string {
  const columns: [name: string, value: (record: EpochRecord) => number | null | undefined][] = [
    ['epoch', ({ epoch }) => epoch],
    ['seconds', ({ seconds }) => seconds],
    ['lr', ({ lr }) => lr],
  ]
  for (const part of ['train', 'validation'] as const) {
    if (!history.some((record) => record[part])) continue
    columns.push([`${part}_loss`, (record) => record[part]?.loss])
    const names = new Set(history.flatMap((record) => Object.keys(record[part]?.metrics ?? {})))
    for (const name of names) columns.push([`${part}_${name}`, (r) => r[part]?.metrics[name]])
  }
  const head = columns.map(([name]) => cell(name)).join(',')
  const rows = history.map((record) => columns.map(([, value]) => number(value(record))).join(','))
  return [head, ...rows, ''].join('\n')
}
