import { expect, test } from 'vitest'
import { compile, grad, rand, tensor, variable } from '../src/index.ts'

test('the graph f = (x + y)·z has value −12 and gradients −4, −4, 3', async () => {
  const [x, y, z] = [-2, 5, -4].map((v) => variable(tensor(v), true))
  const f = x!.add(y!).mul(z!)
  f.backward()
  expect(await f.item()).toBe(-12)
  expect(await Promise.all([x, y, z].map((t) => t!.grad!.item()))).toEqual([-4, -4, 3])
})

test('gradients of gradients', async () => {
  const x = variable(tensor(3), true)
  const [first] = grad(x.pow(tensor(3)), [x])
  const [second] = grad(first!, [x])
  expect(await first!.item()).toBeCloseTo(27, 4)
  expect(await second!.item()).toBeCloseTo(18, 4)
})

test('a compiled step updates states in place and follows eager assignments', async () => {
  const w = variable(tensor([1, 2]), true)
  const step = compile((x: ReturnType<typeof tensor>) => {
    const loss = w.mul(x).sum()
    const [g] = grad(loss, [w])
    w.assign(w.sub(g!.mul(0.5)))
    return loss
  })
  expect(await step(tensor([2, 4])).item()).toBe(10)
  expect([...(await w.data())]).toEqual([0, 0])
  w.assign(tensor([10, 10]))
  expect(await step(tensor([2, 4])).item()).toBe(60)
  expect([...(await w.data())]).toEqual([9, 8])
})

test('a value computed lazily from an overwritten state is refused, not wrong', async () => {
  const w = variable(tensor([1, 2]))
  const stale = w.mul(2)
  const step = compile(() => {
    w.assign(w.add(1))
  })
  step()
  await expect(stale.data()).rejects.toThrow('overwritten')
})

test('each call of a compiled function draws new random numbers', async () => {
  const draw = compile(() => rand([4]))
  const [a, b] = [await draw().data(), await draw().data()]
  expect([...a]).not.toEqual([...b])
})
