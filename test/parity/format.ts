import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BrickError, type DType } from '../../src/index.ts'

/** A tensor of a reference case: row-major values, infinities and NaN included. */
export interface Reference {
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly data: readonly number[]
}

export type References = ReadonlyMap<string, Reference>

/** One reference case: what an op made of its inputs, and the gradients. */
export interface Case {
  readonly group: string
  readonly name: string
  readonly op: string
  readonly args: Readonly<Record<string, unknown>>
  readonly inputs: References
  readonly outputs: readonly Reference[]
  /** By name of the input. */
  readonly grads: References
  /** One for each floating-point output. */
  readonly cotangents: readonly Reference[]
  /** What states hold at the end, by name. */
  readonly final: References
  /** |got − want| ≤ tol · (1 + |want|). */
  readonly tol: number
}

type Json = Readonly<Record<string, unknown>>

const words: ReadonlyMap<unknown, number> = new Map([
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['nan', Number.NaN],
])
const dtypes: ReadonlySet<unknown> = new Set<DType>(['f32', 'i32', 'u8', 'bool'])

/**
 * All cases of a folder: every `*.json` in it is a group. Throws a BrickError of kind `file` that
 * names the file, and the place in it, if one is missing or malformed.
 */
export async function readCases(folder: string): Promise<Case[]> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw fileError(folder, cause.code ?? cause.message, 'a folder of reference cases', cause)
  })
  const files = names.filter((name) => name.endsWith('.json')).sort()
  if (files.length === 0) throw fileError(folder, 'no *.json', 'a folder of reference cases')
  const groups = await Promise.all(files.map((name) => readGroup(join(folder, name))))
  return groups.flat()
}

async function readGroup(path: string): Promise<Case[]> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw fileError(path, cause.code ?? cause.message, 'a file that can be read', cause)
  })
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw fileError(path, (cause as Error).message, 'JSON', cause)
  }
  const { group, cases } = object(json, path)
  if (typeof group !== 'string') throw fileError(path, `group ${show(group)}`, 'a name')
  return list(cases, `${path}: cases`).map((one, i) => readCase(one, group, `${path}: cases[${i}]`))
}

function readCase(value: unknown, group: string, path: string): Case {
  const { name, op, args, inputs, outputs, grads, cotangents, final, tol } = object(value, path)
  if (typeof name !== 'string' || typeof op !== 'string' || typeof tol !== 'number') {
    throw fileError(path, show({ name, op, tol }), 'name and op as text, tol as a number')
  }
  const where = `${path} '${name}'`
  const references = (values: unknown, field: string) =>
    list(values ?? [], `${where} ${field}`).map((t, i) => reference(t, `${where} ${field}[${i}]`))
  const named = (values: unknown, field: string): References =>
    new Map(
      Object.entries(object(values ?? {}, `${where} ${field}`)).map(([key, t]) => [
        key,
        reference(t, `${where} ${field}.${key}`),
      ]),
    )
  return {
    group,
    name,
    op,
    args: object(args ?? {}, `${where} args`),
    inputs: named(inputs, 'inputs'),
    outputs: references(outputs, 'outputs'),
    grads: named(grads, 'grads'),
    cotangents: references(cotangents, 'cotangents'),
    final: named(final, 'final'),
    tol,
  }
}

function reference(value: unknown, path: string): Reference {
  const { shape, dtype, data } = object(value, path)
  const extents = list(shape, `${path} shape`).map((extent) => {
    if (typeof extent === 'number' && Number.isInteger(extent) && extent >= 0) return extent
    throw fileError(`${path} shape`, show(extent), 'a whole number ≥ 0')
  })
  if (!dtypes.has(dtype)) throw fileError(path, `dtype ${show(dtype)}`, [...dtypes].join(', '))
  const values = list(data, `${path} data`).map((item, i) => {
    const number = words.get(item) ?? (typeof item === 'boolean' ? Number(item) : item)
    if (typeof number === 'number') return number
    throw fileError(`${path} data[${i}]`, show(item), "a number, 'inf', '-inf' or 'nan'")
  })
  const size = extents.reduce((a, b) => a * b, 1)
  if (values.length !== size) {
    throw fileError(path, `${values.length} values for [${extents}]`, `${size}`)
  }
  return { shape: extents, dtype: dtype as DType, data: values }
}

function object(value: unknown, path: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  throw fileError(path, show(value), 'an object')
}

function list(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw fileError(path, show(value), 'a list')
}

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? 'nothing'

function fileError(where: string, got: string, wanted: string, cause?: unknown): BrickError {
  return new BrickError({ kind: 'file', where, got, wanted, cause })
}
