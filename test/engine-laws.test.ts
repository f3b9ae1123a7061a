import { describe, expect, test } from 'vitest'
import {
  compile,
  conv2d,
  createBackend,
  grad,
  manualSeed,
  maxPool2d,
  oneHot,
  rand,
  settle,
  type Tensor,
  tensor,
  useBackend,
  variable,
  where,
} from '../src/index.ts'
import { deviceBackends } from './backends.ts'

function pattern(shape: readonly number[], seed: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898 + seed) * 0.3),
  ).reshape(shape)
}

/** A small convolutional network with dropout, trained for some steps; returns all of its weights. */
async function train(steps: number): Promise<Float32Array[]> {
  manualSeed(7)
  const weights = [pattern([16, 3, 3, 3], 1), pattern([16 * 13 * 13, 10], 2)].map((t) =>
    variable(t, true),
  )
  const [kernel, dense] = weights as [Tensor, Tensor]
  const step = compile((x: Tensor, y: Tensor) => {
    const hidden = maxPool2d(conv2d(x, kernel).relu(), 2).flatten(1)
    const kept = hidden.mul(rand(hidden.shape).lt(0.8).to('f32'))
    const scores = kept.matmul(dense).logSoftmax(1)
    const loss = where(oneHot(y, 10).gt(0), scores, 0).sum(1).mean().neg()
    const gradients = grad(loss, weights)
    weights.forEach((w, i) => {
      w.assign(w.sub(gradients[i]!.mul(0.05)))
    })
    return loss
  })
  const x = pattern([64, 3, 28, 28], 3)
  const y = tensor(Int32Array.from({ length: 64 }, (_, i) => i % 10))
  for (let i = 0; i < steps; i++) await step(x, y).item()
  return Promise.all(weights.map(async (w) => (await w.data()) as Float32Array))
}

describe.each(deviceBackends)('%s', (name) => {
  test('same seed, same bits, at 1 and at 2 threads', async () => {
    const runs: Float32Array[][] = []
    for (const threads of [1, 2, 2]) {
      await useBackend(await createBackend(name, { threads }))
      runs.push(await train(5))
    }
    await settle()
    const bits = (weights: Float32Array[]) =>
      weights.map((w) => Buffer.from(w.buffer).toString('base64'))
    expect(bits(runs[1]!)).toEqual(bits(runs[0]!))
    expect(bits(runs[2]!)).toEqual(bits(runs[0]!))
    expect(runs[0]![0]!.some((v) => v !== 0 && Number.isFinite(v))).toBe(true)
  })

  test('a long step leaves the event loop free', async () => {
    await useBackend(await createBackend(name, { threads: 2 }))
    const size = 1024
    const a = pattern([size, size], 1)
    const step = compile((x: Tensor) => {
      let product = x
      for (let i = 0; i < 12; i++) product = product.matmul(x).mul(0.01)
      return product.sum()
    })
    await step(a).item()
    let longest = 0
    let last = performance.now()
    const timer = setInterval(() => {
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }, 1)
    const start = performance.now()
    await step(a).item()
    const took = performance.now() - start
    clearInterval(timer)
    expect(took).toBeGreaterThan(20)
    expect(longest).toBeLessThan(took / 2)
  })

  test('a last, smaller batch compiles anew and agrees', async () => {
    await useBackend(await createBackend(name, { threads: 2 }))
    const w = pattern([5, 3], 1)
    const f = compile((x: Tensor) => x.matmul(w).relu().sum(1))
    for (const rows of [8, 3, 8, 1]) {
      const x = pattern([rows, 5], rows)
      const eager = [...(await x.matmul(w).relu().sum(1).data())]
      expect([...(await f(x).data())]).toEqual(eager)
    }
  })
})
