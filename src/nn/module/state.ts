import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { sameShape, showShape } from '../../base/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** A value to load into a state: a tensor, or an array as files hold them. */
export type StateValue = Tensor | ArrayView
/** States by name. */
export type StateDict = Record<string, Tensor>
/** What `loadStateDict` takes. */
export type GivenState = Readonly<Record<string, StateValue>> | ReadonlyMap<string, StateValue>

export interface LoadOptions {
  /** Refuse missing and unexpected names (default true). Wrong shapes are always refused. */
  readonly strict?: boolean
}

export interface LoadReport {
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
}

/** Older files lack BatchNorm's counter; PyTorch takes it as it is then, and so do we. */
const dispensable = (name: string): boolean => /(^|\.)num_batches_tracked$/.test(name)

/**
 * Gives states the values of the same names: all of them, or none if anything is wrong. A state with
 * several names (a shared weight) needs one of them; arrays for several must be equal.
 *
 * @throws BrickError `checkpoint` that lists missing and unexpected names, wrong shapes, and shared
 * weights whose values differ.
 */
export function loadState(
  own: StateDict,
  given: GivenState,
  where: string,
  { strict = true }: LoadOptions = {},
): LoadReport {
  const bad = Object.entries(
    given instanceof Map ? Object.fromEntries(given) : (given ?? { it: given }),
  ).find(([, value]) => !Array.isArray((value as StateValue | undefined)?.shape))
  if (bad) {
    throw new BrickError({
      kind: 'argument',
      where: `${where}.loadStateDict`,
      wanted: 'tensors or arrays by name',
      got: `${bad[0]} of type ${typeof bad[1]}`,
      remedy: 'Pass what stateDict() returned or what a file of weights holds.',
    })
  }
  const values = given instanceof Map ? given : new Map(Object.entries(given))
  const ties = tiesOf(own, values)
  const missing = ties
    .filter((tie) => tie.given.length === 0)
    .flatMap((tie) => tie.names.filter((name) => !dispensable(name)))
  const unexpected = [...values.keys()].filter((name) => !Object.hasOwn(own, name))
  const wrong = ties.flatMap((tie) => [
    ...wrongShapes(tie, values),
    ...(strict ? torn(tie, values) : []),
  ])
  if (wrong.length > 0 || (strict && missing.length + unexpected.length > 0)) {
    throw mismatch(where, strict ? missing : [], strict ? unexpected : [], wrong)
  }
  for (const {
    state,
    given: [first],
  } of ties) {
    const value = first === undefined ? undefined : values.get(first)
    if (value) state.assign(asTensor(value).detach().to(state.dtype))
  }
  return { missing, unexpected }
}

type Values = ReadonlyMap<string, StateValue>

/** A state, its names (several, if modules share it), and those that a value is given for. */
interface Tie {
  readonly state: Tensor
  readonly names: readonly string[]
  readonly given: readonly string[]
}

function tiesOf(own: StateDict, values: Values): Tie[] {
  const names = new Map<Tensor, string[]>()
  for (const [name, state] of Object.entries(own)) {
    names.set(state, [...(names.get(state) ?? []), name])
  }
  return [...names].map(([state, all]) => ({
    state,
    names: all,
    given: all.filter((name) => values.has(name)),
  }))
}

function wrongShapes({ state, given }: Tie, values: Values): string[] {
  return given.flatMap((name) => {
    const { shape } = values.get(name)!
    if (sameShape(shape, state.shape)) return []
    return [`${name} ${showShape(shape)} for ${showShape(state.shape)}`]
  })
}

/** Arrays of one shared state that differ: which one is meant? Tensors are not computed for this. */
function torn({ given }: Tie, values: Values): string[] {
  const [first, ...others] = given
  if (first === undefined) return []
  const same = (name: string) => sameArrays(values.get(first)!, values.get(name)!)
  return others.filter((name) => !same(name)).map((name) => `${first} and ${name}, which are one`)
}

function sameArrays(a: StateValue, b: StateValue): boolean {
  if (a === b || a instanceof Tensor || b instanceof Tensor) return true
  return a.data.length === b.data.length && a.data.every((value, i) => Object.is(value, b.data[i]))
}

const asTensor = (value: StateValue): Tensor =>
  value instanceof Tensor ? value : Tensor.of(value.data, value.shape, value.dtype)

function mismatch(
  where: string,
  missing: readonly string[],
  unexpected: readonly string[],
  wrong: readonly string[],
): BrickError {
  const got = [
    some('missing', missing),
    some('unexpected', unexpected),
    some('wrong', wrong),
  ].filter(Boolean)
  const near = missing[0] === undefined ? undefined : nearest(missing[0], unexpected)
  const hint = near ? `Is '${near}' meant to be '${missing[0]}'? ` : ''
  return new BrickError({
    kind: 'checkpoint',
    where: `${where}.loadStateDict`,
    got: got.join('; '),
    wanted: "the model's own names and shapes",
    remedy: wrong.length
      ? `${hint}Build the model with the sizes, and share the weights, that were saved.`
      : `${hint}Pass { strict: false } to load what fits.`,
  })
}

const SHOWN = 8

function some(label: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const rest = names.length > SHOWN ? `, … (${names.length} in all)` : ''
  return `${label} ${names.slice(0, SHOWN).join(', ')}${rest}`
}

/** The name that is most like another, if any is alike at all. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const scored = candidates.map((candidate) => ({ candidate, d: distance(name, candidate) }))
  const best = scored.reduce<(typeof scored)[number] | undefined>(
    (a, b) => (a && a.d <= b.d ? a : b),
    undefined,
  )
  return best && best.d <= Math.max(name.length, best.candidate.length) / 2
    ? best.candidate
    : undefined
}

/** Letters to insert, delete or replace (Levenshtein, 1966). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + Number(a[i - 1] !== b[j - 1])
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
