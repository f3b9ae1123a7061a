import { BrickError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { type Shape, sameShape, showShape } from '../../base/shape.ts'

/** A name and the shape that goes with it. */
export interface Named {
  readonly name: string
  readonly shape: Shape
}

/** A state whose value has another shape. */
export interface Misshapen extends Named {
  readonly wanted: Shape
}

/** All that is wrong with a state that was to be loaded. */
export interface Mismatch {
  readonly missing: readonly Named[]
  readonly unexpected: readonly Named[]
  readonly misshapen: readonly Misshapen[]
  /** What else is wrong, an entry a text. */
  readonly others: readonly string[]
  /** What names were before a mapping. */
  readonly origins: ReadonlyMap<string, string>
  /** Patterns of a mapping that fit no name. */
  readonly idle: readonly string[]
}

/** The error that lists every entry, each on a line of its own or folded with its neighbours. */
export function mismatchError(where: string, mismatch: Mismatch): BrickError {
  const { missing, unexpected, misshapen, others, idle } = mismatch
  const prefix = prefixHint(missing, unexpected)
  const lists = [
    list('missing', missing.length, folded(missing)),
    list('unexpected', unexpected.length, unexpectedLines(mismatch, prefix !== undefined)),
    list(
      'of another shape',
      misshapen.length,
      misshapen.map((one) => shapeLine(one, mismatch)),
    ),
    list('wrong otherwise', others.length, others),
    list('rules that fit no name', idle.length, idle),
  ]
  return new BrickError({
    kind: 'checkpoint',
    where: `${where}.loadStateDict`,
    wanted: "the model's own names and shapes",
    got: `other ones\n${lists.join('')}`,
    remedy: prefix ?? remedyFor(mismatch),
  })
}

const list = (title: string, count: number, lines: readonly string[]): string =>
  count === 0 ? '' : `${title} (${count}):\n${lines.map((line) => `  ${line}\n`).join('')}`

function remedyFor({ misshapen, others }: Mismatch): string {
  if (misshapen.length + others.length === 0) {
    return 'Pass { mapping } to give entries other names, or { strict: false } to load what fits.'
  }
  const [first] = misshapen
  const out = first ? `; { mapping: [['${first.name}', null]], strict: false } leaves one out` : ''
  return `Build the model with the sizes, and share the weights, that were saved${out}.`
}

/** `layer1.0.bn1.{weight, bias} [64]`: neighbours of one module in one line, nothing lost. */
function folded(entries: readonly Named[]): string[] {
  const runs: { parent: string; members: Named[] }[] = []
  for (const entry of entries) {
    const parent = parentOf(entry.name)
    const last = runs.at(-1)
    if (parent && last?.parent === parent) last.members.push(entry)
    else runs.push({ parent, members: [entry] })
  }
  return runs.map(({ parent, members }) => {
    const [first] = members
    if (members.length === 1) return show(first!)
    const leaf = ({ name }: Named) => name.slice(parent.length)
    const isEven = members.every(({ shape }) => sameShape(shape, first!.shape))
    return isEven
      ? `${parent}{${members.map(leaf).join(', ')}} ${showShape(first!.shape)}`
      : `${parent}{${members.map((m) => `${leaf(m)} ${showShape(m.shape)}`).join(', ')}}`
  })
}

const show = ({ name, shape }: Named): string => `${name} ${showShape(shape)}`

/** Up to the last dot or slash; '' for names that would be ambiguous between braces. */
const parentOf = (name: string): string =>
  /[{},\s]/.test(name) ? '' : (/^.*[./]/.exec(name)?.[0] ?? '')

/** Likenesses are looked for among so many names; more would take seconds. */
const MOST_COMPARED = 100

function unexpectedLines({ missing, unexpected, origins }: Mismatch, hinted: boolean): string[] {
  const isFew = Math.max(missing.length, unexpected.length) <= MOST_COMPARED
  const lines: string[] = []
  let plain: Named[] = []
  const flush = () => {
    lines.push(...folded(plain))
    plain = []
  }
  for (const entry of unexpected) {
    const origin = origins.get(entry.name)
    const near = isFew && !hinted ? likeliest(entry, missing) : undefined
    if (origin === undefined && near === undefined) {
      plain.push(entry)
      continue
    }
    flush()
    const from = origin === undefined ? '' : ` (from ${origin})`
    lines.push(`${show(entry)}${from}${near ? `: is '${near}' meant?` : ''}`)
  }
  flush()
  return lines
}

/** The missing name that is most like one, if its shape fits (as it is, or with axes moved). */
function likeliest({ name, shape }: Named, missing: readonly Named[]): string | undefined {
  const sizes = sorted(shape)
  const fitting = missing.filter((other) => sameShape(sorted(other.shape), sizes))
  return nearest(
    name,
    fitting.map((other) => other.name),
  )
}

const sorted = (shape: Shape): Shape =>
  shape.filter((extent) => extent !== 1).toSorted((a, b) => a - b)

function shapeLine({ name, shape, wanted }: Misshapen, { origins }: Mismatch): string {
  const origin = origins.get(name)
  const axes = axesBetween(shape, wanted)
  const hint = axes ? `: fits with its axes moved, as ['${name}', '${name}', '${axes}']` : ''
  return `${name} ${showShape(shape)} for ${showShape(wanted)}${origin ? ` (from ${origin})` : ''}${hint}`
}

/** Orders of axes that are in use, most likely first: Keras' and TensorFlow's, then others. */
const known = [
  'io -> oi',
  'lio -> oil',
  'hwio -> oihw',
  'hwcm -> cmhw',
  'ohwi -> oihw',
  'dhwio -> oidhw',
]

/** How axes must move to make one shape of another. */
export function axesBetween(from: Shape, to: Shape): string | undefined {
  if (from.length === to.length) {
    const usual = known.find((axes) => gives(axes, from, to))
    return usual ?? anyOrder(from, to)
  }
  const without = (shape: Shape) => shape.filter((extent) => extent !== 1)
  if (!sameShape(without(from), without(to))) return undefined
  const letters = (shape: Shape) => {
    let next = 0
    return shape.map((extent) => (extent === 1 ? '1' : 'abcdefgh'[next++])).join('')
  }
  return `${letters(from)} -> ${letters(to)}`
}

function gives(axes: string, from: Shape, to: Shape): boolean {
  const [left = '', right = ''] = axes.split(' -> ')
  return (
    left.length === from.length &&
    [...right].every((letter, axis) => from[left.indexOf(letter)] === to[axis])
  )
}

/** Any order that fits: each axis of the result takes the first unused one of its size. */
function anyOrder(from: Shape, to: Shape): string | undefined {
  const letters = 'abcdefgh'.slice(0, from.length)
  const used = new Set<number>()
  const order = to.map((extent) => {
    const axis = from.findIndex((size, i) => size === extent && !used.has(i))
    used.add(axis)
    return axis
  })
  if (order.includes(-1) || from.length > 8) return undefined
  return `${letters} -> ${order.map((axis) => letters[axis]).join('')}`
}

/** What all names of one side begin with and those of the other do not: `module.`, `backbone.`. */
function prefixHint(missing: readonly Named[], unexpected: readonly Named[]): string | undefined {
  const extra = commonPrefix(unexpected, missing)
  if (extra) {
    return `The given names begin with '${extra}', the model's do not: pass { mapping: [['${extra}**', '$1']] }.`
  }
  const lacking = commonPrefix(missing, unexpected)
  return lacking
    ? `The model's names begin with '${lacking}', the given do not: pass { mapping: [['**', '${lacking}$1']] }.`
    : undefined
}

/** The prefix without which most names of one list are in the other. */
function commonPrefix(longer: readonly Named[], shorter: readonly Named[]): string | undefined {
  const names = new Set(shorter.map(({ name }) => name))
  const counts = new Map<string, number>()
  for (const { name } of longer) {
    for (const { index } of name.matchAll(/[./]/g)) {
      const prefix = name.slice(0, index + 1)
      if (names.has(name.slice(prefix.length))) counts.set(prefix, (counts.get(prefix) ?? 0) + 1)
    }
  }
  const [best] = [...counts].sort(([, a], [, b]) => b - a)
  return best && best[1] >= 2 && best[1] * 2 >= longer.length ? best[0] : undefined
}
