import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { OpName } from '../../src/graph/attributes.ts'
import { opNames, recordOf } from '../../src/graph/ops.ts'
import { tensor, variable } from '../../src/index.ts'
import { checkDerivative } from './derivative.ts'
import { differentiable, gradientsOf, grow, recipe, type Step, single, weigh } from './graph.ts'
import { runs } from './runs.ts'

/** Ops that carry gradients. */
const carrying = opNames.filter(
  (op) => recordOf<OpName>(op).gradient || recordOf<OpName>(op).kind === 'part',
)
/** What graphs are made of here: `detach` hides part of the derivative on purpose. */
const open = opNames.filter((op) => op !== 'detach')

/** The gradient of the weighted outputs. False: nothing to compare. */
function first(steps: readonly Step[]): boolean {
  const graph = grow(steps)
  const loss = weigh(graph.outputs)
  return loss !== undefined && checkDerivative(loss, differentiable(graph))
}

/** The gradient of the weighted gradients. */
function second(steps: readonly Step[]): boolean {
  const graph = grow(steps)
  const loss = weigh(gradientsOf(graph), 2)
  return loss !== undefined && checkDerivative(loss, differentiable(graph), 2)
}

const holds = (
  steps: fc.Arbitrary<Step[]>,
  check: (s: readonly Step[]) => boolean,
  usual: number,
) =>
  fc.assert(
    fc.property(steps, (s) => fc.pre(check(s))),
    runs(usual),
  )

describe('gradients agree with finite differences', () => {
  test.each(carrying)('%s', (op) => holds(single(op), first, 30))
  test('random graphs', () => holds(recipe(open), first, 400))
})

describe('gradients of gradients agree with finite differences', () => {
  test.each(carrying)('%s', (op) => holds(single(op), second, 15))
  test('random graphs', () => holds(recipe(open, 6), second, 200))
})

test.each([
  { x: [2, 0, 3], dx: [0, 6, 0] },
  { x: [0, 5, 0], dx: [0, 0, 0] },
])('the gradient of a product with zeros: $x', async ({ x, dx }) => {
  const factors = variable(tensor(x), true)
  factors.prod().backward()
  expect([...(await factors.grad!.data())]).toEqual(dx)
})

test('a gradient that leaves something out is found', () => {
  expect(() => first([{ op: 'detach', dice: [0] }])).toThrow('by differences')
})
