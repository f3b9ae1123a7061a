import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileGraph } from '../src/compile/compile.ts'
import { make } from '../src/graph/make.ts'
import { Node } from '../src/graph/node.ts'
import { compile, conv2d, createBackend, grad, settle, Tensor, useBackend } from '../src/index.ts'
import { deviceBackends } from './backends.ts'

/** Sizes and kernels for which the transforms pay; 14 and 13 are no multiples of the tiles' 4 and 2. */
const [N, C, K] = [8, 96, 160]
const sizes = [
  [16, 3],
  [14, 3],
  [13, 5],
] as const
/** What is promised: the error relative to the largest result. */
const TOLERANCE = 1e-4

const wave = (shape: readonly number[], step: number): Float32Array =>
  Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * i * step))

/** Largest error over samples, relative to the largest expected value. */
function error(got: Float32Array, samples: readonly (readonly [at: number, want: number])[]) {
  const most = Math.max(...samples.map(([, want]) => Math.abs(want)))
  return Math.max(...samples.map(([at, want]) => Math.abs(got[at]! - want))) / most
}

describe.each(deviceBackends)('%s: convolutions by transforms', (name) => {
  beforeAll(async () => {
    await useBackend(await createBackend(name, { threads: 2 }))
  })
  afterAll(settle)

  test.each(sizes)(
    'output, input gradient and weight gradient of %d squared, kernel %d',
    async (H, R) => {
      const half = (R - 1) / 2
      const taps = Array.from(
        { length: R * R },
        (_, i) => [Math.floor(i / R) - half, (i % R) - half] as const,
      )
      const [x, w, g] = [
        wave([N, C, H, H], 0.37),
        wave([K, C, R, R], 0.91),
        wave([N, K, H, H], 0.53),
      ]
      const run = compile((a: Tensor, b: Tensor, seed: Tensor) => {
        const y = conv2d(a, b, undefined, { padding: half })
        return [y, ...grad(y.mul(seed).sum(), [a, b])]
      })
      const [y, dx, dw] = (await Promise.all(
        run(
          Tensor.of(x, [N, C, H, H], 'f32'),
          Tensor.of(w, [K, C, R, R], 'f32'),
          Tensor.of(g, [N, K, H, H], 'f32'),
        ).map((t) => t.data()),
      )) as [Float32Array, Float32Array, Float32Array]
      const at = (
        of: Float32Array,
        channels: number,
        n: number,
        c: number,
        i: number,
        j: number,
      ) => (i < 0 || j < 0 || i >= H || j >= H ? 0 : of[((n * channels + c) * H + i) * H + j]!)
      const weight = (k: number, c: number, r: number, s: number) =>
        w[((k * C + c) * R + r + half) * R + s + half]!
      const places = Array.from({ length: 60 }, (_, t) => ({
        n: t % N,
        c: (t * 7) % K,
        i: (t * 5) % H,
        j: (t * 11) % H,
      }))
      const sum = (count: number, term: (c: number) => number) => {
        let total = 0
        for (let c = 0; c < count; c++) total += term(c)
        return total
      }
      const forward = places.map(({ n, c: k, i, j }) => {
        const want = sum(C, (c) =>
          sum(
            R * R,
            (t) => at(x, C, n, c, i + taps[t]![0], j + taps[t]![1]) * weight(k, c, ...taps[t]!),
          ),
        )
        return [((n * K + k) * H + i) * H + j, want] as const
      })
      const input = places.map(({ n, c: k0, i, j }) => {
        const c = k0 % C
        const want = sum(K, (k) =>
          sum(
            R * R,
            (t) => at(g, K, n, k, i - taps[t]![0], j - taps[t]![1]) * weight(k, c, ...taps[t]!),
          ),
        )
        return [((n * C + c) * H + i) * H + j, want] as const
      })
      const weights = places.slice(0, 12).map(({ c: k, i }, t) => {
        const [c, tap] = [(i * 13) % C, t % (R * R)]
        const want = sum(N, (n) =>
          sum(H * H, (p) => {
            const [row, column] = [Math.floor(p / H), p % H]
            return (
              at(g, K, n, k, row, column) *
              at(x, C, n, c, row + taps[tap]![0], column + taps[tap]![1])
            )
          }),
        )
        return [(k * C + c) * R * R + tap, want] as const
      })
      expect(error(y, forward)).toBeLessThan(TOLERANCE)
      expect(error(dx, input)).toBeLessThan(TOLERANCE)
      expect(error(dw, weights)).toBeLessThan(TOLERANCE)
    },
  )
})

/** Whether the program of a convolution of this size transforms. */
function transforms(batch: number, channels: number, size: number): boolean {
  const leaf = (shape: readonly number[]) =>
    new Node('buffer', [], { source: {}, shape, dtype: 'f32' }, shape, 'f32', '')
  const [x, w] = [leaf([batch, channels, size, size]), leaf([channels, channels, 3, 3])]
  const y = make('convolution', [x, w], { stride: [1, 1], dilation: [1, 1], groups: 1 })
  const target = { lanes: 16, registers: 32, fma: true, l1: 32768, l2: 1 << 20 }
  const { kernels } = compileGraph({ buffers: [x, w], outputs: [y], updates: [] }, target)
  return kernels.some(({ origin }) => origin.includes('transform'))
}

test('they are taken where they save time, and only there', () => {
  expect(transforms(16, 64, 58)).toBe(true)
  expect(transforms(16, 16, 58)).toBe(false)
  expect(transforms(1, 256, 9)).toBe(false)
})
