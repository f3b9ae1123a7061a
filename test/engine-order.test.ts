import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  checkpoint,
  compile,
  createBackend,
  grad,
  noGrad,
  randn,
  settle,
  type Tensor,
  tensor,
  useBackend,
  variable,
} from '../src/index.ts'
import type { Backend } from '../src/tensor/backend.ts'
import { allBackends } from './backends.ts'

const values = async (t: Tensor) => [...(await t.data())]

describe.each(allBackends)('%s: everyone sees the values of when they asked', (name) => {
  beforeAll(async () => {
    await useBackend(await createBackend(name, { threads: 2 }))
  })
  afterAll(settle)

  test('data() that is asked for before a step gives what was there before it', async () => {
    const w = variable(tensor([1]))
    const step = compile(() => {
      w.assign(w.add(1))
    })
    step()
    await w.data()
    const before = w.data()
    step()
    expect([...(await before)]).toEqual([2])
    expect(await values(w)).toEqual([3])
  })

  test('a variable made from a state has the value after the steps that were asked for', async () => {
    const w = variable(tensor([1]))
    compile(() => {
      w.assign(w.add(1))
    })()
    expect(await values(variable(w))).toEqual([2])
  })

  test('load() lets what was asked for, and states that wait for their values, see the old contents', async () => {
    const [a, b] = [variable(tensor([1])), variable(tensor([0]))]
    await Promise.all([a.data(), b.data()])
    b.assign(a.mul(2))
    const asked = a.mul(3.5).data()
    await a.load(Float32Array.of(5))
    expect([...(await asked)]).toEqual([3.5])
    expect(await values(b)).toEqual([2])
    expect(await values(a)).toEqual([5])
  })

  test('a product is not written over its own operand', async () => {
    for (const n of [32, 48, 128]) {
      const matrix = (f: (i: number) => number) =>
        variable(tensor(Float32Array.from({ length: n * n }, (_, i) => f(i))).reshape([n, n]))
      const a = matrix((i) => Math.cos(i) / 10)
      for (const product of [
        (w: Tensor) => a.matmul(w),
        (w: Tensor) => w.matmul(a),
        (w: Tensor) => w.matmul(w),
      ]) {
        const w = matrix(Math.sin)
        const wanted = await product(w).add(w).data()
        compile(() => {
          w.assign(product(w).add(w))
        })()
        const got = await w.data()
        expect(Math.max(...got.map((v, i) => Math.abs(v - wanted[i]!)))).toBeLessThan(1e-3)
      }
    }
  })

  test('a state passed as an argument keeps its value while the function assigns it', async () => {
    const count = Float32Array.from({ length: 64 }, (_, i) => i)
    const [w, flipped] = [variable(tensor(count)), variable(tensor(new Float32Array(64)))]
    const f = compile((x: Tensor) => {
      w.assign(w.add(100))
      flipped.assign(x.flip(0))
    })
    f(w)
    expect(await values(flipped)).toEqual([...count].reverse())
    expect(await values(w)).toEqual([...count].map((v) => v + 100))
  })

  test('what was computed from a state outside stays as it was at the first call', async () => {
    const w = variable(tensor([1]))
    const [twice, noise] = [w.mul(2), randn([4])]
    w.assign(tensor([10]))
    const f = compile((x: Tensor) => [x.add(twice), noise.mul(1), x.add(w)])
    const [a, drawn, now] = f(tensor([0]))
    expect(await values(a!)).toEqual([2])
    expect(await values(now!)).toEqual([10])
    w.assign(tensor([20]))
    const [again, drawnAgain, later] = f(tensor([0]))
    expect(await values(again!)).toEqual([2])
    expect(await values(later!)).toEqual([20])
    expect(await values(drawnAgain!)).toEqual(await values(drawn!))
  })

  test('no gradient passes through what was computed under noGrad', async () => {
    const [w, v] = [variable(tensor([2]), true), variable(tensor([3]), true)]
    const h = noGrad(() => w.mul(2))
    h.mul(v).sum().backward()
    expect(w.grad).toBeUndefined()
    expect(await values(v.grad!)).toEqual([4])
  })

  test('a checkpointed function inside a compiled step sees the parameters after their update', async () => {
    const w = variable(tensor([2]), true)
    const x = variable(tensor([3]), true)
    const step = compile(() => {
      w.assign(w.add(1))
      checkpoint((t: Tensor) => t.mul(w).square().sum(), x).backward()
      return [w.grad!, x.grad!]
    })
    expect(await Promise.all(step().map(values))).toEqual([[54], [54]])
  })

  test('two backward passes in one compiled step, with an update between them', async () => {
    const w = variable(tensor([2]), true)
    const step = compile(() => {
      w.square().sum().backward()
      w.assign(w.sub(w.grad!.mul(0.125)))
      w.grad = undefined
      const second = w.square().sum()
      second.backward()
      return { backward: w.grad!, grad: grad(second, [w])[0]! }
    })
    const { backward, grad: same } = step()
    expect(await values(backward)).toEqual([3])
    expect(await values(same)).toEqual([3])
    expect(await values(w)).toEqual([1.5])
  })
})

test('a run that throws at once fails like one that is rejected: its results say why', async () => {
  let broken = false
  const sound = await createBackend('interpreter')
  const fragile: Backend = {
    name: 'fragile',
    async prepare(task) {
      const runnable = await sound.prepare(task)
      return {
        run(...given) {
          if (broken) throw new Error('no memory left')
          return runnable.run(...given)
        },
      }
    },
    close: async () => {},
  }
  await useBackend(fragile)
  const w = variable(tensor([1]))
  const step = compile(() => {
    w.assign(w.add(1))
    return w.mul(2)
  })
  expect(await step().item()).toBe(4)
  broken = true
  const failed = step()
  broken = false
  await expect(failed.data()).rejects.toThrow('no memory left')
  await expect(w.data()).rejects.toThrow('no memory left')
  await w.load(Float32Array.of(7))
  expect(await step().item()).toBe(16)
})
