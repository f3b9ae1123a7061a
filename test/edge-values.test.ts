import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createBackend,
  full,
  grad,
  settle,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'
import { allBackends } from './backends.ts'

const values = async (t: Tensor) => [...(await t.data())]
const integers = (list: number[]) => tensor(list, { dtype: 'i32' })

describe.each(allBackends)('%s: values at the edges', (name) => {
  beforeAll(async () => {
    await useBackend(await createBackend(name, { threads: 2 }))
  })
  afterAll(settle)

  test('0 and −0 are different programs', async () => {
    await full([3], 0).data()
    expect(Object.is((await full([3], -0).data())[0], -0)).toBe(true)
  })

  test('integers wrap around, in constants too', async () => {
    const top = full([2], 2147483647, 'i32')
    expect(await values(top.add(1))).toEqual([-2147483648, -2147483648])
    expect(await values(top.add(1).lt(0))).toEqual([1, 1])
    expect(
      await values(
        full([3], 2 ** 30, 'i32')
          .sum()
          .lt(0),
      ),
    ).toEqual([1])
  })

  test('the smallest integer is a minimum', async () => {
    expect(await values(integers([-2147483648, 5]).min())).toEqual([-2147483648])
    expect(await values(integers([1, 5, -2147483648]).argmin())).toEqual([2])
  })

  test('NaN sorts above all numbers', async () => {
    const x = tensor([1, Number.NaN, 0, Number.NaN])
    const [sorted, positions] = x.sort()
    expect(await values(sorted)).toEqual([0, 1, Number.NaN, Number.NaN])
    expect(await values(positions)).toEqual([2, 0, 1, 3])
    expect(await values(x.sort(0, true)[1])).toEqual([1, 3, 0, 2])
  })

  test('division by a number whose inverse f32 does not hold', async () => {
    expect(await values(tensor([0, 2 ** -20]).div(2 ** -130))).toEqual([0, 2 ** 110])
  })

  test('a norm of zeros has gradient zero', async () => {
    const x = variable(tensor([0, 0]), true)
    for (const p of [2, 3]) expect(await values(grad(x.norm(p), [x])[0]!)).toEqual([0, 0])
  })

  test('reductions that leave the integers', async () => {
    expect(await integers([1, 2]).logsumexp().item()).toBeCloseTo(2.3132617)
    expect(await integers([60000, 80000]).norm().item()).toBe(100000)
    expect(integers([1]).pow(2).dtype).toBe(integers([1]).pow(3).dtype)
  })

  test('more elements than positions can count are refused', async () => {
    const wide = full([1], 1).expand([70000, 70000])
    const refused = { name: 'BrickError', kind: 'shape' }
    await expect(zeros([70000, 70000]).data()).rejects.toMatchObject(refused)
    if (name !== 'interpreter') {
      await expect(wide.argmax().data()).rejects.toMatchObject(refused)
      await expect(wide.cumsum(0).max().data()).rejects.toMatchObject(refused)
    }
  })
})

test('dims and positions that are none are refused by name', () => {
  const x = zeros([2, 3])
  const index = zeros([2, 3], 'i32')
  for (const [where, call] of [
    ['flip', () => x.flip(5)],
    ['flip', () => x.flip([0, 0])],
    ['indexSelect', () => x.indexSelect(7, index.flatten())],
    ['gather', () => x.gather(9, index)],
    ['scatterAdd', () => x.scatterAdd(5, index, x)],
    ['flatten', () => x.flatten(1, 0)],
    ['flatten', () => x.flatten(0, 2)],
    ['reshape', () => x.reshape([-2, -3])],
    ['slice', () => x.slice([0, 1.5])],
  ] as const) {
    expect(call).toThrow(expect.objectContaining({ name: 'BrickError', where }))
  }
})
