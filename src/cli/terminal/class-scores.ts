import pc from 'picocolors'
import type { ClassScore } from '../../vision/evaluation.ts'
import type { ConfusionMatrix } from './confusion.ts'

/** Up to so many classes, all are shown; of more, those that are known worst. */
const ALL = 45
const WORST = 15
const MIXED = 8
/** Characters of a class's name, alone in its line or one of two. */
const NAME = 36
const PAIRED = 32

interface Colors {
  readonly color?: boolean
}

/**
 * Examples, recall and precision of each class that occurs; of many classes, those that are known
 * worst.
 *
 * @example
 * ```ts
 * const score = { name: 'cat', examples: 8, right: 0.75, precision: 1 }
 * console.log(drawClassScores([score], { color: false }))
 * ```
 */
export function drawClassScores(classes: readonly ClassScore[], { color }: Colors): string {
  const colors = pc.createColors(color ?? pc.isColorSupported)
  const occurring = classes.filter(({ examples }) => examples > 0)
  const isCut = occurring.length > ALL
  const ranked = occurring.toSorted((a, b) => a.right - b.right)
  const rows = isCut ? ranked.slice(0, WORST) : occurring
  const wide = Math.min(NAME, Math.max(...rows.map(({ name }) => [...name].length)))
  const lines = rows.map(({ name, examples, right, precision }) => {
    const cells = [`${examples}`.padStart(8), share(right), share(precision)]
    const line = `${fitted(name, wide)}  ${cells.join('  ')}`
    return right < 0.5 ? colors.red(line) : line
  })
  const head = `${(isCut ? `worst ${WORST} classes` : 'class').padEnd(wide)}  examples     found   precise`
  return [colors.dim(head), ...lines, ''].join('\n')
}

/** The pairs of classes that are taken for each other most often. */
export function drawMixUps(
  counts: ConfusionMatrix,
  classNames: readonly string[],
  { color }: Colors,
): string {
  const colors = pc.createColors(color ?? pc.isColorSupported)
  const pairs = counts.flatMap((row, t) =>
    row.flatMap((n, p) => (p !== t && n > 0 ? [{ n, t, p }] : [])),
  )
  const worst = pairs.sort((a, b) => b.n - a.n).slice(0, MIXED)
  const lines = worst.map(
    ({ n, t, p }) =>
      `${`${n}`.padStart(6)} ×  ${cut(classNames[t]!, PAIRED)} → ${cut(classNames[p]!, PAIRED)}`,
  )
  return worst.length === 0 ? '' : [colors.dim('most often mixed up'), ...lines, ''].join('\n')
}

const share = (value: number): string =>
  (Number.isNaN(value) ? '–' : `${(100 * value).toFixed(1)} %`).padStart(8)

const fitted = (name: string, wide: number): string => cut(name, wide).padEnd(wide)

function cut(name: string, most: number): string {
  const characters = [...name]
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : name
}
