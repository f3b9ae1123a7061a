import { BrickError } from '../../base/errors.ts'
import { sameShape } from '../../base/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { entriesOf, mapped, type StateMapping } from './mapping.ts'
import { type Misshapen, mismatchError, type Named } from './mismatch.ts'
import type { GivenState, StateDict, StateValue } from './state-dict.ts'

export interface LoadOptions {
  /** Refuse missing and unexpected names (default true). Wrong shapes are always refused. */
  readonly strict?: boolean
  /** What entries are called in the model, and where their axes go: see {@link StateRule}. */
  readonly mapping?: StateMapping
}

export interface LoadReport {
  readonly missing: readonly string[]
  readonly unexpected: readonly string[]
}

/** Older files lack BatchNorm's counter; PyTorch takes it as it is then, and so do we. */
const dispensable = (name: string): boolean => /(^|\.)num_batches_tracked$/.test(name)

/**
 * Gives states the values of the same names (after a mapping): all of them, or none if anything is
 * wrong. A state with several names (a shared weight) needs one of them; arrays for several must
 * be equal.
 *
 * @throws BrickError `checkpoint` that lists every missing, unexpected and mis-shaped entry, shared
 * weights whose values differ, and what a mapping could not do.
 */
export function loadState(
  own: StateDict,
  given: GivenState,
  where: string,
  { strict = true, mapping = [] }: LoadOptions = {},
): LoadReport {
  checkGiven(given, where)
  const { values, origins, problems, idle } = mapped(entriesOf(given), mapping)
  const ties = tiesOf(own, values)
  const missing = ties
    .filter((tie) => tie.given.length === 0)
    .flatMap(({ names, state: { shape } }) => names.map((name) => ({ name, shape })))
    .filter(({ name }) => !dispensable(name))
  const unexpected = [...values]
    .filter(([name]) => !Object.hasOwn(own, name))
    .map(([name, { shape }]) => ({ name, shape }))
  const misshapen = ties.flatMap((tie) => wrongShapes(tie, values))
  const others = [...problems, ...(strict ? ties.flatMap((tie) => torn(tie, values)) : [])]
  const isWrong = misshapen.length + others.length > 0
  if (isWrong || (strict && missing.length + unexpected.length > 0)) {
    const names = strict ? { missing, unexpected } : { missing: [], unexpected: [] }
    throw mismatchError(where, { ...names, misshapen, others, origins, idle })
  }
  for (const { state, given: names } of ties) {
    const value = names[0] === undefined ? undefined : values.get(names[0])
    if (value) state.assign(asTensor(value).detach().to(state.dtype))
  }
  return { missing: missing.map(nameOf), unexpected: unexpected.map(nameOf) }
}

const nameOf = ({ name }: Named): string => name

function checkGiven(given: GivenState, where: string): void {
  const entries = given instanceof Map ? [...given] : Object.entries(given ?? { it: given })
  const bad = entries.find(([, value]) => !Array.isArray((value as StateValue | undefined)?.shape))
  if (!bad) return
  throw new BrickError({
    kind: 'argument',
    where: `${where}.loadStateDict`,
    wanted: 'tensors or arrays by name',
    got: `${bad[0]} of type ${typeof bad[1]}`,
    remedy: 'Pass what stateDict() returned or what a file of weights holds.',
  })
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

function wrongShapes({ state, given }: Tie, values: Values): Misshapen[] {
  return given.flatMap((name) => {
    const { shape } = values.get(name)!
    return sameShape(shape, state.shape) ? [] : [{ name, shape, wanted: state.shape }]
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
