import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  compile,
  createBackend,
  grad,
  settle,
  type Tensor,
  tensor,
  useBackend,
  variable,
} from '../src/index.ts'
import { deviceBackends } from './backends.ts'

const STEPS = 10_000
const MEGABYTE = 2 ** 20

/** A regression whose step allocates about 300 KB, were nothing freed: 3 GB over all steps. */
function regression() {
  const w = variable(tensor(new Float32Array(64 * 64)).reshape([64, 64]), true)
  const lossOf = (x: Tensor, y: Tensor) => x.matmul(w).sub(y).square().mean()
  const x = tensor(Float32Array.from({ length: 256 * 64 }, (_, i) => Math.sin(i))).reshape([
    256, 64,
  ])
  const y = tensor(Float32Array.from({ length: 256 * 64 }, (_, i) => Math.cos(i))).reshape([
    256, 64,
  ])
  return { w, lossOf, x, y }
}

/** Growth of the process after a warm-up of a quarter of the steps. */
async function growth(step: () => Promise<unknown>): Promise<number> {
  for (let i = 0; i < STEPS / 4; i++) await step()
  const before = process.memoryUsage().rss
  for (let i = 0; i < STEPS; i++) await step()
  return (process.memoryUsage().rss - before) / MEGABYTE
}

describe.each(deviceBackends)('%s: users never dispose', (name) => {
  beforeAll(async () => {
    await useBackend(await createBackend(name, { threads: 2 }))
  })
  afterAll(settle)

  test(`${STEPS} compiled steps keep a flat footprint`, async () => {
    const { w, lossOf, x, y } = regression()
    const step = compile((a: Tensor, b: Tensor) => {
      const loss = lossOf(a, b)
      w.assign(w.sub(grad(loss, [w])[0]!.mul(0.1)))
      return [loss, a.matmul(w)]
    })
    expect(await growth(async () => step(x, y)[0]!.item())).toBeLessThan(150)
  })

  test(`${STEPS} eager steps keep a flat footprint`, async () => {
    const { w, lossOf, x, y } = regression()
    const step = async () => {
      const loss = lossOf(x, y)
      loss.backward()
      w.assign(w.sub(w.grad!.mul(0.1)))
      w.grad = undefined
      return loss.item()
    }
    expect(await growth(step)).toBeLessThan(150)
  })
})
