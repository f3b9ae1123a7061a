import type { OpName } from '../../src/graph/attributes.ts'
import type { Node } from '../../src/graph/node.ts'
import { recordOf } from '../../src/graph/ops.ts'
import type { AnyOp } from '../../src/graph/record.ts'
import { type Feed, interpret, type Values } from '../../src/interpreter/interpreter.ts'
import { stream } from './dice.ts'
import { evaluateOne } from './garden.ts'

/** Half a unit in the last place of f32. */
const UNIT = 2 ** -24
/** How much larger the noise is than one rounding of f32. */
const LOUDNESS = 32
const RUNS = 5
/** Sums on this grid, below this size, are exact in f32 in any order. */
const GRID = 2 ** 10
const EXACT = 2 ** 12

/** What f32 arithmetic may make of a graph. */
export interface Expectation {
  readonly values: readonly Values[]
  /** How far each element may be off. */
  readonly tolerances: readonly Values[]
}

/**
 * Values in double precision, and how far f32 may stray from them: the graph is evaluated again
 * with noise, many times an f32 rounding, on every result that f32 rounds. Undefined if the noise
 * turns a comparison or a conversion around: then nothing can be expected.
 */
export function expectation(roots: readonly Node[], feed: Feed): Expectation | undefined {
  const decisions = new Map<Node, Values>()
  const values = interpret(roots, feed, (node, out) => {
    if (isDecision(node)) decisions.set(node, out)
  })
  const tolerances = values.map((own) => own.map((v) => Math.abs(v) * LOUDNESS * UNIT + 1e-30))
  for (let run = 1; run <= RUNS; run++) {
    const random = stream(run)
    let stable = true
    const noisy = interpret(roots, feed, (node, out, inputs) => {
      if (isDecision(node)) stable &&= same(out, decisions.get(node)!)
      shake(node, out, inputs, random)
    })
    if (!stable) return undefined
    noisy.forEach((own, i) => {
      own.forEach((v, j) => {
        const off = 3 * Math.abs(v - values[i]![j]!)
        if (off > tolerances[i]![j]!) tolerances[i]![j] = off
      })
    })
  }
  return { values, tolerances }
}

/** Whether a small change of an input can make a jump. */
export const isDecision = (node: Node): boolean => node.dtype !== 'f32' || node.op === 'floor'

export const same = (a: Values, b: Values): boolean => a.every((v, i) => Object.is(v, b[i]!))

/** Adds noise to the results that f32 does not hold exactly. */
function shake(node: Node, out: Values, inputs: readonly Values[], random: () => number): void {
  if (node.dtype !== 'f32') return
  const record = recordOf<OpName>(node.op) as AnyOp<OpName>
  const scales = scaleOf(record, node, out, inputs)
  if (!scales) return
  const heavy = record.kind === 'elementwise' && record.heavy === true
  const single = record.kind === 'elementwise' || record.kind === 'source'
  out.forEach((v, i) => {
    const scale = scales[i]!
    if (!heavy && (single ? Math.fround(v) === v : onGrid(v) && onGrid(scale))) return
    const off = (2 * random() - 1) * LOUDNESS * UNIT * scale
    if (Number.isFinite(off)) out[i] = v + off
  })
}

const onGrid = (v: number): boolean => Math.abs(v) < EXACT && Number.isInteger(v * GRID)

/** What a rounding error is relative to: the result, or the sum of the sizes of its terms. */
function scaleOf(
  record: AnyOp<OpName>,
  node: Node,
  out: Values,
  inputs: readonly Values[],
): Values | undefined {
  // Sources, because f32 rounds a constant, too.
  if (record.kind === 'elementwise' || record.kind === 'source') return out.map(Math.abs)
  // Rounds of many operations.
  if (record.kind === 'part') {
    const largest = out.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
    return out.map(() => largest)
  }
  const sums =
    record.kind === 'contraction' ||
    record.kind === 'transform' ||
    record.kind === 'overlap' ||
    record.kind === 'running' ||
    node.is('scatterAdd') ||
    (record.kind === 'reduce' && record.fold !== 'max')
  if (!sums) return undefined
  const sizes = inputs.map((x, i) => (node.inputs[i]!.dtype === 'f32' ? x.map(Math.abs) : x))
  return evaluateOne(node, sizes)
}
