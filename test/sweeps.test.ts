import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  compile,
  createBackend,
  settle,
  type Tensor,
  tensor,
  useBackend,
  variable,
} from '../src/index.ts'
import { allBackends, deviceBackends } from './backends.ts'

/** Folds down columns, which are written along rows: whole vectors and what they leave over, in many shapes. */

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)
/** Small integers, so that sums are exact in any order. */
const digit = (i: number) => ((i * 31) % 17) - 8
const digits = (shape: readonly number[]) =>
  tensor(Float32Array.from({ length: sizeOf(shape) }, (_, i) => digit(i))).reshape([...shape])
const noise = (shape: readonly number[]) =>
  tensor(Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i * i))).reshape([
    ...shape,
  ])

/** [above, rows, columns]: elements folded over the rows. */
function down(
  [above, rows, columns]: readonly [number, number, number],
  fold: (a: number, b: number) => number,
): number[] {
  const at = (i: number, r: number, c: number) => digit((i * rows + r) * columns + c)
  return Array.from({ length: above * columns }, (_, flat) => {
    const [i, c] = [Math.floor(flat / columns), flat % columns]
    let sum = at(i, 0, c)
    for (let r = 1; r < rows; r++) sum = fold(sum, at(i, r, c))
    return sum
  })
}

/** [m, k] · [k, n]. */
const products = (m: number, k: number, n: number): number[] =>
  Array.from({ length: m * n }, (_, flat) => {
    const [i, j] = [Math.floor(flat / n), flat % n]
    let sum = 0
    for (let r = 0; r < k; r++) sum += digit(i * k + r) * digit(r * n + j)
    return sum
  })

const shapes = [
  [1, 17, 65],
  [1, 40, 1000],
  [1, 100, 4099],
  [3, 33, 5001],
  [9, 64, 256],
  [16, 19, 131],
  [2, 2100, 70],
] as const

describe.each(allBackends)('%s: folds down columns', (name) => {
  beforeAll(async () => {
    await useBackend(await createBackend(name, { threads: 2 }))
  })
  afterAll(settle)

  test.each(shapes)('sums and maxima of [%i, %i, %i]', async (...shape) => {
    const x = digits(shape)
    const both = compile((a: Tensor) => [a.sum(1), a.max(1)] as const)
    const [sum, max] = both(x)
    expect([...(await sum.data())]).toEqual(down(shape, (a, b) => a + b))
    expect([...(await max.data())]).toEqual(down(shape, Math.max))
  })

  test('what follows is computed once, in place', async () => {
    const shape = [1, 40, 1000] as const
    const weight = variable(digits([1000]), true)
    const step = compile((x: Tensor) => {
      weight.assign(weight.sub(x.sum([0, 1]).mul(0.5)))
      return weight.sum()
    })
    await step(digits(shape)).data()
    const sums = down(shape, (a, b) => a + b)
    expect([...(await weight.data())]).toEqual(sums.map((sum, i) => digit(i) - 0.5 * sum))
  })

  test('products of a few rows, in place', async () => {
    const [m, k, n] = [3, 40, 1001]
    const weight = variable(digits([m, n]), true)
    const step = compile((a: Tensor, b: Tensor) => {
      weight.assign(weight.add(a.matmul(b)))
      return weight.sum()
    })
    await step(digits([m, k]), digits([k, n])).data()
    const sums = products(m, k, n).map((sum, i) => digit(i) + sum)
    expect([...(await weight.data())]).toEqual(sums)
  })

  test('NaN and infinity', async () => {
    const rows = Array.from({ length: 20 }, () => new Array<number>(70).fill(1))
    rows[3]![5] = Number.NaN
    rows[4]![69] = Number.POSITIVE_INFINITY
    const x = tensor(rows)
    const [sum, max] = [await x.sum(0).data(), await x.max(0).data()]
    for (const values of [sum, max]) {
      expect(values[5]).toBeNaN()
      expect(values[69]).toBe(Number.POSITIVE_INFINITY)
    }
    expect([sum[0], max[0]]).toEqual([20, 1])
  })

  test('integers', async () => {
    const x = digits([50, 77]).to('i32')
    expect([...(await x.sum(0).data())]).toEqual(down([1, 50, 77], (a, b) => a + b))
  })

  test.each([
    [1, 130, 1000],
    [2, 50, 333],
    [3, 129, 4099],
  ])('[%i, %i] · [%i]', async (m, k, n) => {
    const product = compile((a: Tensor, b: Tensor) => a.matmul(b).add(1))
    const values = await product(digits([m, k]), digits([k, n])).data()
    expect([...values]).toEqual(products(m, k, n).map((sum) => sum + 1))
  })

  test.each([
    [1, 100, 128],
    [2, 67, 128],
    [3, 333, 66],
    [3, 128, 65],
    [128, 130, 3],
  ])('[%i, %i] · [%i, …] transposed', async (m, k, n) => {
    const b = tensor(await digits([k, n]).transpose(0, 1).data()).reshape([n, k])
    const product = compile((x: Tensor, y: Tensor) => x.matmul(y.transpose(0, 1)).mul(2))
    const values = await product(digits([m, k]), b).data()
    expect([...values]).toEqual(products(m, k, n).map((sum) => 2 * sum))
  })
})

test.each(deviceBackends)('%s: the same bits with any number of threads', async (name) => {
  const results: number[][] = []
  for (const threads of [1, 2, 3]) {
    await useBackend(await createBackend(name, { threads }))
    const [sum, product] = compile((a: Tensor, b: Tensor) => [a.sum(0), b.matmul(a)] as const)(
      noise([300, 4099]),
      noise([2, 300]),
    )
    results.push([...(await sum.data()), ...(await product.data())])
    await settle()
  }
  expect(results[1]).toEqual(results[0])
  expect(results[2]).toEqual(results[0])
})
