import { beforeAll, describe, expect, test } from 'vitest'
import { createBackend, grad, nn, tensor, useBackend, variable } from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const i32 = (values: number[] | number[][]) => tensor(values, { dtype: 'i32' })
/** Scores of T steps, N sequences and C classes, without pattern. */
const scores = (T: number, N: number, C: number) =>
  tensor(
    Array.from({ length: T }, (_, t) =>
      Array.from({ length: N }, (_, n) =>
        Array.from({ length: C }, (_, c) => Math.sin(t * 1.3 + n * 2.1 + c * 0.7)),
      ),
    ),
  )

/** Σ over all paths of C^T that collapse to the labels, by brute force. */
async function brute(T: number, C: number, n: number, labels: number[]): Promise<number> {
  const p = (await scores(T, n + 1, C)
    .logSoftmax(-1)
    .array()) as number[][][]
  let sum = 0
  for (let path = 0; path < C ** T; path++) {
    const steps = Array.from({ length: T }, (_, t) => Math.floor(path / C ** t) % C)
    const collapsed = steps.filter((c, t) => c !== 0 && c !== steps[t - 1])
    if (collapsed.join() !== labels.join()) continue
    sum += Math.exp(steps.reduce((total, c, t) => total + p[t]![n]![c]!, 0))
  }
  return -Math.log(sum)
}

describe('CTC', () => {
  test.each([
    [4, [1, 2]],
    [4, [1, 1]],
    [3, [2]],
    [4, []],
  ])('is the sum over all alignments: %i steps, labels %j', async (T, labels) => {
    const loss = nn.ctcLoss(scores(T, 1, 3), i32([[...labels, 1, 1].slice(0, 2)]), {
      targetLengths: i32([labels.length]),
      reduction: 'sum',
    })
    expect(await loss.item()).toBeCloseTo(await brute(T, 3, 0, labels), 5)
  })

  test('lengths: what lies behind them does not count', async () => {
    const losses = nn.ctcLoss(
      scores(6, 2, 3),
      i32([
        [1, 2],
        [2, 1],
      ]),
      {
        inputLengths: i32([4, 3]),
        targetLengths: i32([2, 1]),
        reduction: 'none',
      },
    )
    const [a, b] = await losses.data()
    expect(a).toBeCloseTo(await brute(4, 3, 0, [1, 2]), 5)
    expect(b).toBeCloseTo(await brute(3, 3, 1, [2]), 5)
  })

  test('a target that no alignment reaches: infinity, or 0 if asked for, without a gradient', async () => {
    const x = variable(scores(2, 1, 3), true)
    const target = i32([[1, 1]])
    expect(await nn.ctcLoss(x, target).item()).toBe(Number.POSITIVE_INFINITY)
    const loss = nn.ctcLoss(x, target, { zeroInfinity: true })
    expect(await loss.item()).toBe(0)
    const [g] = grad(loss, [x])
    expect([...(await g!.data())].every((v) => v === 0)).toBe(true)
  })

  test.each([
    ['scores of two dims', () => nn.ctcLoss(tensor([[1, 2]]), i32([[1]])), /\[T, N, C\]/],
    ['targets of another batch', () => nn.ctcLoss(scores(2, 2, 3), i32([[1]])), /labels \[2, S\]/],
    [
      'a blank that is no class',
      () => nn.ctcLoss(scores(2, 1, 3), i32([[1]]), { blank: 3 }),
      /0 to 2/,
    ],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(message)
  })
})
