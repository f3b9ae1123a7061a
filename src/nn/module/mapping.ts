import { BrickError } from '../../base/errors.ts'
import { type Shape, showShape, sizeOf } from '../../base/shape.ts'
import { permuted } from '../../base/strided.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { GivenState, StateValue } from './state-dict.ts'

/**
 * What entries of a file are called in the model, and where their axes go:
 *
 * - `pattern`: a whole name, in which `*` stands for any letters but `.` and `/`, and `**` for any
 *   at all; or a regular expression, of which the matched part is replaced.
 * - `name`: the model's name, in which `$1`, `$2` … are what the stars (or groups) stand for; a
 *   function of them; or null to leave the entry out.
 * - `axes`: letters for the axes as they are and as they shall be: `hwio -> oihw`. A `1` is an
 *   axis of size 1 that goes or comes: `11io -> oi`. Axes in brackets become one: `oihw -> o(ihw)`.
 */
export type StateRule = readonly [
  pattern: string | RegExp,
  name: string | ((...groups: string[]) => string) | null,
  axes?: string,
]

/** Rules in order: the first whose pattern fits a name counts; a name that none fits stays. */
export type StateMapping = readonly StateRule[]

/** A state under other names. */
export interface MappedState {
  readonly values: ReadonlyMap<string, StateValue>
  /** Names before, of what has another now, with what was done to its axes. */
  readonly origins: ReadonlyMap<string, string>
  /** What could not be done, one text for each entry. */
  readonly problems: readonly string[]
  /** Patterns that fit no name. */
  readonly idle: readonly string[]
}

/**
 * A state under other names and with its axes in another order, as rules say.
 *
 * @throws BrickError `argument` for a malformed rule, `checkpoint` that lists the entries whose axes
 * do not fit and those that would share one name.
 * @example
 * ```ts
 * const keras = { 'dense_1/kernel': zeros([784, 10]), 'dense_1/bias': zeros([10]) }
 * const state = mapState(keras, [
 *   [/^dense_(\d+).kernel$/, 'layers.$1.weight', 'io -> oi'],
 *   [/^dense_(\d+).bias$/, 'layers.$1.bias'],
 * ])
 * state.get('layers.1.weight')?.shape // [10, 784]
 * ```
 */
export function mapState(state: GivenState, mapping: StateMapping): Map<string, StateValue> {
  const { values, problems } = mapped(entriesOf(state), mapping)
  if (problems.length === 0) return new Map(values)
  throw new BrickError({
    kind: 'checkpoint',
    where: 'mapState',
    wanted: 'entries that the rules fit',
    got: `\n${problems.map((problem) => `  ${problem}\n`).join('')}`,
    remedy: 'Change the rules for these.',
  })
}

/** The entries of a state, of either form. */
export const entriesOf = (state: GivenState): ReadonlyMap<string, StateValue> =>
  state instanceof Map ? state : new Map(Object.entries(state))

/** {@link mapState} that gathers what is wrong instead of throwing. */
export function mapped(state: ReadonlyMap<string, StateValue>, mapping: StateMapping): MappedState {
  const rules = mapping.map(ruleOf)
  const values = new Map<string, StateValue>()
  const origins = new Map<string, string>()
  const problems: string[] = []
  for (const [from, value] of state) {
    const rule = rules.find(({ pattern }) => pattern.test(from))
    if (rule) rule.used = true
    if (rule && rule.name === null) continue
    const name = rule ? from.replace(rule.pattern, rule.name as string) : from
    const axes = rule?.axes
    const misfit = axes && misfitOf(value.shape, axes)
    if (misfit) problems.push(`${from} ${showShape(value.shape)}: ${misfit}`)
    else if (values.has(name))
      problems.push(`${origins.get(name) ?? name} and ${from}: both ${name}`)
    if (name !== from || axes) origins.set(name, axes ? `${from}, ${axes.text}` : from)
    values.set(name, axes && !misfit ? moved(value, axes) : value)
  }
  const idle = rules.flatMap(({ used, shown }) => (used ? [] : [shown]))
  return { values, origins, problems, idle }
}

interface Rule {
  readonly pattern: RegExp
  /** As String.replace takes it, which is typed as if it took texts alone. */
  readonly name: string | null
  readonly axes: Axes | undefined
  readonly shown: string
  used: boolean
}

interface Axes {
  readonly text: string
  readonly from: readonly string[]
  /** The letters that each axis is made of: none for a new one of size 1. */
  readonly to: readonly (readonly string[])[]
}

function ruleOf([pattern, name, axes]: StateRule): Rule {
  // A global expression would begin where its last match ended.
  const expression =
    typeof pattern === 'string'
      ? new RegExp(
          `^${pattern
            .split(/(\*\*?)/)
            .map(part)
            .join('')}$`,
        )
      : new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''))
  const replacement = typeof name === 'function' ? groupsTo(name) : name
  return {
    pattern: expression,
    name: replacement as string | null,
    axes: axes === undefined ? undefined : axesOf(String(pattern), axes),
    shown: String(pattern),
    used: false,
  }
}

/** A piece of a pattern as a regular expression. */
function part(text: string): string {
  if (text === '**') return '(.*)'
  if (text === '*') return '([^./]*)'
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/** What String.replace calls: the match, its groups, then numbers and texts that are no groups. */
const groupsTo =
  (name: (...groups: string[]) => string) =>
  (...found: unknown[]): string =>
    name(
      ...(found.slice(
        1,
        found.findIndex((item) => typeof item === 'number'),
      ) as string[]),
    )

function axesOf(pattern: string, text: string): Axes {
  const [, left, right] = /^\s*(\w*)\s*->\s*((?:\w|\(\w+\))*)\s*$/.exec(text) ?? []
  if (left !== undefined && right !== undefined) {
    const to = (right.match(/\w|\(\w+\)/g) ?? []).map(lettersOf)
    const letters = lettersOf(left)
    const isWhole = letters.toSorted().join() === to.flat().toSorted().join()
    if (isWhole && new Set(letters).size === letters.length) {
      return { text: `${left} -> ${right}`, from: [...left], to }
    }
  }
  throw new BrickError({
    kind: 'argument',
    where: `mapping of ${pattern}`,
    wanted: "axes such as 'hwio -> oihw', each letter once on either side, or 1",
    got: JSON.stringify(text),
  })
}

const lettersOf = (side: string): string[] => [...side].filter((letter) => /[^1()]/.test(letter))

/** Why a value's axes are not those of a rule. */
function misfitOf(shape: Shape, { text, from }: Axes): string | undefined {
  const fits =
    shape.length === from.length &&
    shape.every((extent, axis) => from[axis] !== '1' || extent === 1)
  return fits ? undefined : `no axes '${text}'`
}

function moved(value: StateValue, { from, to }: Axes): StateValue {
  const kept = from.filter((letter) => letter !== '1')
  const sizes = value.shape.filter((_, axis) => from[axis] !== '1')
  const order = to.flat().map((letter) => kept.indexOf(letter))
  const shape = to.map((letters) => sizeOf(letters.map((letter) => sizes[kept.indexOf(letter)]!)))
  if (value instanceof Tensor) return value.reshape(sizes).permute(order).reshape(shape)
  // Where no axis moves, elements stay where they are.
  if (order.every((axis, i) => axis === i)) return { ...value, shape }
  return { ...permuted({ ...value, shape: sizes }, order), shape }
}
