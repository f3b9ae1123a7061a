import { readFile } from 'node:fs/promises'
import { parse } from 'csv-parse/sync'
import { BrickError } from '../../base/errors.ts'
import { fileError } from '../../files/errors.ts'
import { isGzip, unpackGzip } from '../../files/gunzip.ts'
import { JsonLines } from './lines.ts'
import { type Cell, type Table, type TableOptions, typedTable } from './table.ts'

export interface CsvOptions extends TableOptions {
  /** Default: a tab for .tsv files, else a comma. */
  readonly delimiter?: string
  /** What cells are quoted by; false for files of text that quote nothing. Default '"'. */
  readonly quote?: string | false
  /** The columns' names, for a file whose first line is a row already. */
  readonly header?: readonly string[]
}

/**
 * Reads a table of cells with commas or tabs between (RFC 4180: quoted cells may hold them, and
 * line ends); gzipped files (.gz) are unpacked.
 *
 * @throws BrickError `file` for a file that can't be read, a row that is too short or too long, or
 * a bad cell (row, column and value); `argument` for a column that isn't there.
 * @example
 * ```ts
 * const houses = await readCsv('houses.csv', { missing: { area: 'median' } })
 * const dataset = houses.dataset({ target: 'price' })
 * ```
 */
export async function readCsv(path: string, options: CsvOptions = {}): Promise<Table> {
  const isTabbed = /\.tsv(\.gz)?$/i.test(path)
  return parseCsv(await textOf(path), path, { delimiter: isTabbed ? '\t' : ',', ...options })
}

/** The same of a text. */
export function parseCsv(text: string, path: string, options: CsvOptions = {}): Table {
  const all = records(text, path, options)
  const header = options.header ?? all[0]?.record.map((name) => name.trim())
  const rows = options.header ? all : all.slice(1)
  if (!header)
    throw new BrickError({ kind: 'file', where: path, wanted: 'a header', got: 'no lines' })
  const twice = repeated(header)
  if (twice !== undefined) {
    throw new BrickError({
      kind: 'file',
      where: path,
      wanted: 'names of columns that differ',
      got: `'${twice}' twice`,
      remedy: 'Pass header: [names] for a file that has none.',
    })
  }
  for (const [i, { record, line }] of rows.entries()) {
    if (record.length === header.length) continue
    throw new BrickError({
      kind: 'file',
      where: `${path}: row ${i + 1} (line ${line})`,
      wanted: `${header.length} cells`,
      got: `${record.length}`,
      remedy: 'Quote cells that hold the delimiter.',
    })
  }
  const lines = rows.map(({ line }) => line)
  return typedTable({ path, header, rows: rows.map(({ record }) => record), lines }, options)
}

/** The first name that stood before. */
function repeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

interface Row {
  readonly record: readonly string[]
  readonly line: number
}

function records(text: string, path: string, options: CsvOptions): Row[] {
  const { delimiter = ',', quote = '"' } = options
  try {
    const found = parse(text, {
      delimiter,
      quote,
      bom: true,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
    }) as unknown as { record: string[]; info: { lines: number } }[]
    return found.map(({ record, info }) => ({ record, line: info.lines }))
  } catch (cause) {
    throw new BrickError({
      kind: 'file',
      where: path,
      wanted: `cells with ${JSON.stringify(delimiter)} between`,
      got: (cause as Error).message,
      remedy:
        'Close the quotes, double those inside of a cell, or pass quote: false if none are meant.',
      cause,
    })
  }
}

/**
 * Reads JSON lines of objects as a table: a key is a column. A key that is not there, or null, is
 * a missing cell.
 *
 * @throws BrickError `file` for a line that is no object or a bad cell; as {@link readCsv}.
 * @example
 * ```ts
 * const reviews = await readJsonLines('reviews.jsonl', { columns: { text: 'text' } })
 * ```
 */
export async function readJsonLines(path: string, options: TableOptions = {}): Promise<Table> {
  const objects: Record<string, unknown>[] = []
  for await (const value of new JsonLines(path)) objects.push(objectOf(value, path, objects.length))
  const header = [...new Set(objects.flatMap((object) => Object.keys(object)))]
  const rows = objects.map((object) => header.map((name) => cellOf(object[name])))
  return typedTable({ path, header, rows, lines: rows.map((_, i) => i + 1) }, options)
}

function objectOf(value: unknown, path: string, row: number): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new BrickError({
    kind: 'file',
    where: `${path}: row ${row + 1}`,
    wanted: 'an object',
    got: JSON.stringify(value).slice(0, 60),
    remedy: 'Iterate over other values: data.jsonLines(path).',
  })
}

function cellOf(value: unknown): Cell {
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** JavaScript's texts are shorter than that. */
const MOST_TEXT = 2 ** 29

async function textOf(path: string): Promise<string> {
  try {
    const bytes = await readFile(path)
    const unpacked = isGzip(bytes) ? await unpackGzip(bytes, path, MOST_TEXT) : bytes
    return new TextDecoder().decode(unpacked)
  } catch (error) {
    throw fileError('read', path, error)
  }
}
