import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { simplify } from '../../src/compile/simplify.ts'
import { gradients } from '../../src/gradient/gradient.ts'
import { type Node, topological } from '../../src/graph/node.ts'
import type { Backend } from '../../src/tensor/backend.ts'
import { createBackend } from '../../src/tensor/choose.ts'
import { convolution, convolutionTransposed } from '../../src/tensor/compose/contraction.ts'
import { bufferNode } from '../../src/tensor/engine.ts'
import { Storage } from '../../src/tensor/storage.ts'
import { compareBackends } from './compare-backends.ts'
import type { Leaf } from './garden.ts'
import { type Graph, weigh } from './graph.ts'
import { runs } from './runs.ts'

/** Convolutions with strides in every direction: forward, transposed, their gradients, and the gradients of those. */

interface Strided {
  readonly kind: 'forward' | 'transposed' | 'gradient'
  readonly n: number
  readonly c: number
  readonly k: number
  readonly groups: number
  readonly axes: readonly {
    readonly extra: number
    readonly kernel: number
    readonly stride: number
    readonly dilation: number
    readonly padding: number
  }[]
}

const upTo = (max: number, min = 1) => fc.integer({ min, max })

const strided: fc.Arbitrary<Strided> = fc
  .record({
    kind: fc.constantFrom('forward' as const, 'transposed' as const, 'gradient' as const),
    n: upTo(2),
    c: upTo(3),
    k: upTo(3),
    groups: upTo(2),
    axes: fc.array(
      fc.record({
        extra: upTo(5, 0),
        kernel: upTo(4),
        stride: upTo(4),
        dilation: fc.oneof(fc.constant(1), upTo(4)),
        padding: upTo(3, 0),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .filter((s) => work(s) < 50_000)

/** Multiplications of the convolution, about. */
const work = ({ n, c, k, groups, axes }: Strided): number =>
  axes.reduce(
    (product, { kernel, dilation, extra }) => product * kernel * (dilation * kernel + extra),
    n * c * k * groups,
  )

function leaf(shape: readonly number[], leaves: Leaf[]): Node {
  const size = shape.reduce((a, b) => a * b, 1)
  const start = leaves.length * 37
  const data = Float32Array.from({ length: size }, (_, i) => ((((i + start) * 31) % 17) - 8) / 8)
  const node = bufferNode(new Storage('f32', size, data), shape)
  leaves.push({ node, data })
  return node
}

function graphOf({ kind, n, c, k, groups, axes }: Strided): Graph {
  const leaves: Leaf[] = []
  const option = (name: 'stride' | 'dilation' | 'padding') => axes.map((axis) => axis[name])
  const options = {
    stride: option('stride'),
    dilation: option('dilation'),
    padding: option('padding'),
    groups,
  }
  const sizes = axes.map(({ extra, kernel, dilation, padding }) =>
    Math.max(1, dilation * (kernel - 1) + 1 + extra - (kind === 'transposed' ? 0 : 2 * padding)),
  )
  const kernel = axes.map((axis) => axis.kernel)
  const x = leaf([n, c * groups, ...sizes], leaves)
  if (kind === 'transposed') {
    const weight = leaf([c * groups, k, ...kernel], leaves)
    const roomy = sizes.map((size, i) => {
      const { stride, dilation, padding } = axes[i]!
      const plain = (size - 1) * stride + dilation * (kernel[i]! - 1) + 1
      return Math.min(padding, Math.floor((plain - 1) / 2))
    })
    const padded = { ...options, padding: roomy }
    return {
      outputs: [convolutionTransposed(axes.length, x, weight, undefined, padded)],
      leaves,
    }
  }
  const weight = leaf([k * groups, c, ...kernel], leaves)
  const y = convolution(axes.length, x, weight, undefined, options)
  const outputs = kind === 'forward' ? [y] : gradients(weigh([y])!, [x, weight])
  return { outputs, leaves }
}

describe.each([
  { name: 'wasm', graphs: 25 },
  { name: 'native', graphs: 5 },
] as const)('$name: strided convolutions agree with double precision', ({ name, graphs }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await createBackend(name)
  })
  afterAll(() => backend.close())

  test('values, gradients and their gradients', () =>
    fc.assert(
      fc.asyncProperty(strided, async (s) => fc.pre(await compareBackends(graphOf(s), backend))),
      runs(graphs),
    ))
})

/** Multiplications of all contractions of a graph. */
function multiplications(nodes: readonly Node[]): number {
  return topological(simplify(nodes)).reduce((sum, node) => {
    if (!node.is('contract')) return sum
    const { a, b } = node.attrs
    const sizes = new Map([
      ...a.map((label, axis) => [label, node.inputs[0]!.shape[axis]!] as const),
      ...b.map((label, axis) => [label, node.inputs[1]!.shape[axis]!] as const),
    ])
    return sum + [...sizes.values()].reduce((product, size) => product * size, 1)
  }, 0)
}

/** The input gradient of a convolution of [4, 8, size, size] with [16, 8, kernel, kernel]. */
function inputGradient(size: number, kernel: number, stride: number, padding: number) {
  const [x, weight] = [leaf([4, 8, size, size], []), leaf([16, 8, kernel, kernel], [])]
  const y = convolution(2, x, weight, undefined, { stride, padding })
  const forward = multiplications([y])
  const g = leaf(y.shape, [])
  return multiplications(gradients(y, [x], g)) / forward
}

test('an input gradient multiplies hardly more than the convolution, whatever its stride', () => {
  expect(inputGradient(56, 3, 2, 1)).toBeLessThan(1.1)
  expect(inputGradient(56, 1, 2, 0)).toBeLessThan(1.1)
  expect(inputGradient(112, 11, 4, 2)).toBeLessThan(1.4)
  expect(inputGradient(56, 2, 2, 0)).toBeLessThan(1.1)
})
