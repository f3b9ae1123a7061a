import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { grad, type Tensor, tensor, useBackend, variable, where } from '../src/index.ts'
import {
  BLOCK,
  type BlockwiseOptions,
  blockwiseAttention,
} from '../src/nn/attention/blockwise-attention.ts'
import type { Backend } from '../src/tensor/backend.ts'
import { createBackend } from '../src/tensor/choose.ts'
import { allBackends } from './backends.ts'

const [N, L, S, E, D] = [2, 5, 2 * BLOCK + 3, 4, 3]

const wave = (shape: readonly number[], phase: number): Tensor => {
  const size = shape.reduce((a, b) => a * b, 1)
  const values = Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + phase))
  return tensor(values).reshape([...shape])
}

/** The same with all scores at once. */
function plain(q: Tensor, k: Tensor, v: Tensor, options: BlockwiseOptions): Tensor {
  let scores = q.matmul(k.transpose()).mul(options.scale)
  const { mask } = options
  if (mask?.dtype === 'f32') scores = scores.add(mask)
  else if (mask) scores = where(mask, scores, -1e30)
  const rows = Array.from({ length: L }, (_, i) => Array.from({ length: S }, (_, j) => j <= i))
  if (options.causal) scores = where(tensor(rows), scores, -1e30)
  const weights = scores.softmax(-1)
  const seen = scores.gt(-1e29).to('f32').max(-1, true)
  return weights.matmul(v).mul(seen)
}

const bits = wave([L, S], 3).gt(0)
const cases: Record<string, Partial<BlockwiseOptions>> = {
  'no mask': {},
  causal: { causal: true },
  'a mask of truth values': { mask: bits },
  'a mask of numbers': { mask: wave([L, S], 2) },
  'causal, and a mask': { causal: true, mask: bits },
  'a query that sees no key': { mask: wave([L, 1], 1).gt(0).expand([L, S]) },
}

describe.each(allBackends)('attention block by block on %s', (name) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await createBackend(name)
    await useBackend(backend)
  })
  afterAll(() => backend.close())

  test.each(Object.keys(cases))('%s: as with all scores, values and gradients', async (which) => {
    const options = { causal: false, scale: 0.6, ...cases[which] }
    const [q, k, v] = [
      [N, L, E],
      [N, S, E],
      [N, S, D],
    ].map((shape, i) => variable(wave(shape, i), true))
    const results = [blockwiseAttention, plain].map((attend) => {
      const y = attend(q!, k!, v!, options)
      return [y, ...grad(y.mul(wave(y.shape, 4)).sum(), [q!, k!, v!])]
    })
    const [got, want] = await Promise.all(
      results.map((all) => Promise.all(all.map((t) => t.data()))),
    )
    got!.forEach((values, i) => {
      values.forEach((value, j) => {
        expect(Math.abs(value - want![i]![j]!), `${i}[${j}]: ${value}`).toBeLessThan(1e-5)
      })
    })
  })
})
