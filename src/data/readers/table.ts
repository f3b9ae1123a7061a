import { BrickError } from '../../base/errors.ts'
import { ArrayDataset } from '../array-dataset.ts'

/**
 * How a column's cells are read: numbers, whole numbers, truth values (0 or 1), names of classes
 * (numbered in the order of their names), or text as it is.
 */
export type ColumnType = 'number' | 'integer' | 'boolean' | 'category' | 'text'

/**
 * What becomes of missing cells: they are refused, their rows are left out, or they are filled by
 * the column's mean or median (numbers only) or by a value.
 */
export type MissingPolicy =
  | 'refuse'
  | 'drop'
  | 'mean'
  | 'median'
  | { readonly value: number | string | boolean }

export interface TableOptions {
  /** The columns' types. Those without one are found out: numbers where all cells are such, else categories. */
  readonly columns?: Readonly<Record<string, ColumnType>>
  /** For all columns, or by column (others: 'refuse'). Default 'refuse'. */
  readonly missing?: MissingPolicy | Readonly<Record<string, MissingPolicy>>
  /** Cells that count as missing. Default '', NA, N/A, NaN, null and ?. */
  readonly missingCells?: readonly string[]
}

/** A cell as it stands in the file; undefined if it is missing. */
export type Cell = string | undefined

/** Where rows come from, and which line each is. */
export interface RawTable {
  readonly path: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
  /** The line of a row in the file, from 1. */
  readonly lines: readonly number[]
}

interface Column {
  readonly type: ColumnType
  readonly values: Float64Array | readonly string[]
  /** Of a category. */
  readonly classNames?: readonly string[]
}

/** Rows of columns with types. */
export class Table {
  readonly name: string
  readonly length: number
  /** Rows that were left out for missing cells. */
  readonly dropped: number
  readonly #columns: ReadonlyMap<string, Column>

  constructor(name: string, length: number, dropped: number, columns: ReadonlyMap<string, Column>) {
    this.name = name
    this.length = length
    this.dropped = dropped
    this.#columns = columns
  }

  /** The columns' names, in order. */
  get columns(): readonly string[] {
    return [...this.#columns.keys()]
  }

  /** @throws BrickError `argument` for a column that isn't there. */
  column(name: string): Column {
    const column = this.#columns.get(name)
    if (column) return column
    throw new BrickError({
      kind: 'argument',
      where: this.name,
      wanted: `a column of ${this.columns.join(', ')}`,
      got: `'${name}'`,
    })
  }

  /**
   * A dataset of these columns: inputs f32 [n, columns]; targets i32 [n] for one column of classes
   * or whole numbers, else f32 [n, columns].
   *
   * @throws BrickError `argument` for a column of text, or one that isn't there.
   */
  dataset({ inputs, target }: { inputs?: readonly string[]; target: string | readonly string[] }) {
    const targets = typeof target === 'string' ? [target] : target
    const names = inputs ?? this.columns.filter((name) => !targets.includes(name))
    const only = this.column(targets[0]!)
    const isClass = targets.length === 1 && only.type !== 'number' && only.type !== 'text'
    return new ArrayDataset({
      name: this.name,
      inputs: this.#numbers(names),
      targets: isClass
        ? { dtype: 'i32', shape: [this.length], data: Int32Array.from(only.values as Float64Array) }
        : this.#numbers(targets),
      classNames: isClass ? only.classNames : undefined,
      featureNames: names,
    })
  }

  #numbers(names: readonly string[]) {
    const data = new Float32Array(this.length * names.length)
    for (const [at, name] of names.entries()) {
      const { type, values } = this.column(name)
      if (type === 'text') {
        throw new BrickError({
          kind: 'argument',
          where: `${this.name}: column ${name}`,
          wanted: 'numbers or categories',
          got: 'text',
          remedy: `Read it as a category, columns: { ${JSON.stringify(name)}: 'category' }, or leave it out.`,
        })
      }
      for (let i = 0; i < this.length; i++) data[i * names.length + at] = Number(values[i])
    }
    return { dtype: 'f32' as const, shape: [this.length, names.length], data }
  }
}

/**
 * Gives cells their types.
 *
 * @throws BrickError `file` that names row, column and value of a bad cell; `argument` for a column
 * that isn't there.
 */
export function typedTable(raw: RawTable, options: TableOptions): Table {
  const missingCells = new Set(options.missingCells ?? ['', 'NA', 'N/A', 'NaN', 'nan', 'null', '?'])
  checkNames(raw, options)
  const isMissing = (cell: Cell) => cell === undefined || missingCells.has(cell.trim())
  const kept = raw.rows.flatMap((row, i) => {
    const gone = raw.header.some(
      (name, c) => isMissing(row[c]) && policyOf(name, options) === 'drop',
    )
    return gone ? [] : [i]
  })
  const columns = new Map<string, Column>()
  for (const [c, name] of raw.header.entries()) {
    const cells = kept.map((i) =>
      isMissing(raw.rows[i]![c]) ? undefined : raw.rows[i]![c]!.trim(),
    )
    const type = options.columns?.[name] ?? guess(cells)
    const place = (at: number) => {
      const row = kept[at]!
      return `${raw.path}: row ${row + 1} (line ${raw.lines[row]}), column ${JSON.stringify(name)}`
    }
    columns.set(name, typedColumn(cells, type, policyOf(name, options), place))
  }
  return new Table(raw.path, kept.length, raw.rows.length - kept.length, columns)
}

function checkNames({ path, header }: RawTable, { columns, missing }: TableOptions): void {
  const policies = typeof missing === 'object' && !('value' in missing) ? missing : {}
  for (const name of [...Object.keys(columns ?? {}), ...Object.keys(policies)]) {
    if (header.includes(name)) continue
    throw new BrickError({
      kind: 'argument',
      where: path,
      wanted: `a column of ${header.join(', ')}`,
      got: `'${name}'`,
    })
  }
}

function policyOf(name: string, { missing = 'refuse' }: TableOptions): MissingPolicy {
  if (typeof missing === 'string') return missing
  if ('value' in missing) return missing as MissingPolicy
  return (missing as Readonly<Record<string, MissingPolicy>>)[name] ?? 'refuse'
}

function guess(cells: readonly Cell[]): ColumnType {
  const known = cells.filter((cell) => cell !== undefined)
  return known.length > 0 && known.every((cell) => Number.isFinite(numberOf(cell)))
    ? 'number'
    : 'category'
}

/** NaN for what is no decimal number: Number() takes hexadecimal ones and '' too. */
function numberOf(cell: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell) ? Number(cell) : Number.NaN
}

function typedColumn(
  given: readonly Cell[],
  type: ColumnType,
  policy: MissingPolicy,
  place: (at: number) => string,
): Column {
  const cells = filled(given, type, policy, place)
  if (type === 'text') return { type, values: cells }
  if (type === 'category') {
    const classNames = [...new Set(cells)].sort()
    const numbers = new Map(classNames.map((name, i) => [name, i]))
    return { type, values: Float64Array.from(cells, (cell) => numbers.get(cell)!), classNames }
  }
  const values = Float64Array.from(cells, (cell, at) => {
    const value = readers[type].read(cell)
    if (value !== undefined) return value
    throw new BrickError({
      kind: 'file',
      where: place(at),
      wanted: readers[type].wanted,
      got: JSON.stringify(cell),
      remedy: 'Correct the cell, give the column another type, or count the value as missing.',
    })
  })
  return { type, values }
}

const readers: Readonly<
  Record<
    'number' | 'integer' | 'boolean',
    { wanted: string; read: (cell: string) => number | undefined }
  >
> = {
  number: {
    wanted: 'a number',
    read: (cell) => (Number.isFinite(numberOf(cell)) ? numberOf(cell) : undefined),
  },
  integer: {
    wanted: 'a whole number of 32 bits',
    read: (cell) => ((numberOf(cell) | 0) === numberOf(cell) ? numberOf(cell) : undefined),
  },
  boolean: {
    wanted: 'true or false, yes or no, 1 or 0',
    read: (cell) => {
      if (/^(true|yes|1)$/i.test(cell)) return 1
      return /^(false|no|0)$/i.test(cell) ? 0 : undefined
    },
  },
}

/** Cells without gaps. */
function filled(
  cells: readonly Cell[],
  type: ColumnType,
  policy: MissingPolicy,
  place: (at: number) => string,
): string[] {
  const at = cells.indexOf(undefined)
  if (at < 0) return cells as string[]
  const value = fillOf(cells, type, policy)
  if (value !== undefined) return cells.map((cell) => cell ?? value)
  throw new BrickError({
    kind: 'file',
    where: place(at),
    wanted: `a value (${type})`,
    got: policy === 'refuse' ? 'a missing one' : `a missing one that ${policy} can't fill`,
    remedy: "Choose what becomes of missing cells: missing: 'drop', 'mean', 'median' or { value }.",
  })
}

function fillOf(
  cells: readonly Cell[],
  type: ColumnType,
  policy: MissingPolicy,
): string | undefined {
  if (typeof policy === 'object') return `${policy.value}`
  const numbers = cells.flatMap((cell) => (cell === undefined ? [] : [numberOf(cell)]))
  if (type !== 'number' || numbers.length === 0 || numbers.some(Number.isNaN)) return undefined
  if (policy === 'mean') return `${numbers.reduce((a, b) => a + b, 0) / numbers.length}`
  if (policy !== 'median') return undefined
  const sorted = numbers.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return `${sorted.length % 2 ? sorted[middle] : (sorted[middle - 1]! + sorted[middle]!) / 2}`
}
