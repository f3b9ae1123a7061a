import { BrickError, type Tensor } from '../../src/index.ts'

/** A case that asks for something that Brickwork does not have: it is skipped, with this reason. */
export class NotSupported extends Error {}

/** The inputs of a case by name. */
export class Inputs {
  private readonly tensors: ReadonlyMap<string, Tensor>

  constructor(tensors: ReadonlyMap<string, Tensor>) {
    this.tensors = tensors
  }

  get(name: string): Tensor {
    const found = this.tensors.get(name)
    if (found) return found
    throw new BrickError({
      kind: 'file',
      where: 'case',
      got: `inputs ${[...this.tensors.keys()].join(', ')}`,
      wanted: `'${name}'`,
    })
  }

  optional(name: string): Tensor | undefined {
    return this.tensors.get(name)
  }

  /** All of them, in the file's order. */
  all(): Tensor[] {
    return [...this.tensors.values()]
  }
  entries(): [name: string, value: Tensor][] {
    return [...this.tensors]
  }
}

/** The options of a case. It knows which were read, so that none is ignored in silence. */
export class Args {
  /** Whether the case says that it transforms its inputs first. */
  readonly noted: boolean
  private readonly values: Readonly<Record<string, unknown>>
  private readonly read = new Set<string>(['note'])

  constructor(values: Readonly<Record<string, unknown>>) {
    this.values = values
    this.noted = 'note' in values
  }

  number(name: string, fallback?: number): number {
    return this.take(name, (v): v is number => typeof v === 'number', 'a number', fallback)
  }

  boolean(name: string, fallback?: boolean): boolean {
    return this.take(name, (v): v is boolean => typeof v === 'boolean', 'a truth value', fallback)
  }

  /** One of these words; another one is not supported. */
  word<W extends string>(name: string, known: readonly W[], fallback?: W): W {
    const found = this.take(name, (v): v is string => typeof v === 'string', 'a word', fallback)
    if ((known as readonly string[]).includes(found)) return found as W
    throw new NotSupported(`${name} '${found}'`)
  }

  text(name: string): string {
    return this.take(name, (v): v is string => typeof v === 'string', 'text')
  }

  numbers(name: string, fallback?: readonly number[]): readonly number[] {
    return this.take(name, isNumbers, 'a list of numbers', fallback)
  }

  /** A number, or one for each axis. */
  pair(name: string, fallback?: number): number | readonly number[] {
    const known = (v: unknown): v is number | readonly number[] =>
      typeof v === 'number' || isNumbers(v)
    return this.take(name, known, 'a number or a list', fallback)
  }

  /** A list of lists. */
  rows(name: string): readonly (readonly number[])[] {
    const known = (v: unknown): v is readonly (readonly number[])[] =>
      Array.isArray(v) && v.every(isNumbers)
    return this.take(name, known, 'a list of lists')
  }

  /** Those of these numbers that the case gives, under our names: weight_decay is weightDecay. */
  given(...names: readonly string[]): Record<string, number> {
    const found = names.filter((name) => this.has(name))
    return Object.fromEntries(found.map((name) => [camel(name), this.number(name)]))
  }

  has(name: string): boolean {
    return this.values[name] !== undefined && this.values[name] !== null
  }

  /** Refuses a case with options that were not looked at. */
  finish(): void {
    const unread = Object.keys(this.values).filter((name) => !this.read.has(name))
    if (unread.length > 0) throw new NotSupported(`option ${unread.join(', ')}`)
  }

  private take<T>(
    name: string,
    known: (value: unknown) => value is T,
    wanted: string,
    fallback?: T,
  ): T {
    this.read.add(name)
    const value = this.values[name] ?? fallback
    if (known(value)) return value
    const got = `${name} = ${JSON.stringify(value)}`
    throw new BrickError({ kind: 'file', where: 'case', got, wanted })
  }
}

const camel = (name: string): string =>
  name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())

const isNumbers = (v: unknown): v is readonly number[] =>
  Array.isArray(v) && v.every((item) => typeof item === 'number')
