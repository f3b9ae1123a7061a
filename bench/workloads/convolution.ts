import { compile, conv2d, grad, type Tensor, variable } from '../../src/index.ts'
import { input } from './input.ts'
import type { Prepared, Spec, Workload } from './workload.ts'

type Convolution = Extract<Spec, { kind: 'convolution' }>
type Layout = Omit<Convolution, 'kind' | 'backward'>

/** Each extent of the result. */
function outputShape({ input: [n, , h, w], weight: [k, , r, s], stride, padding }: Layout) {
  const extent = (size: number, window: number) =>
    Math.floor((size + 2 * padding - window) / stride) + 1
  return [n, k, extent(h, r), extent(w, s)] as const
}

function flopsOf(layout: Layout): number {
  const [, c, r, s] = layout.weight
  return outputShape(layout).reduce((a, b) => a * b, 2 * c * r * s)
}

function forward(layout: Layout): Prepared {
  const { stride, padding, groups } = layout
  const [x, w] = [input(layout.input), input(layout.weight, 0.1, 1)]
  const run = compile((a: Tensor, b: Tensor) =>
    conv2d(a, b, undefined, { stride, padding, groups }),
  )
  return { call: () => run(x, w) }
}

/** The result and both gradients. The input's gradient is wanted, too: such a layer stands within a network. */
function forwardAndBackward(layout: Layout): Prepared {
  const { stride, padding, groups } = layout
  const x = variable(input(layout.input), true)
  const w = variable(input(layout.weight, 0.1, 1), true)
  const g = input(outputShape(layout), 1, 2)
  const run = compile((seed: Tensor) => {
    const y = conv2d(x, w, undefined, { stride, padding, groups })
    return [y.detach(), ...grad(y.mul(seed).sum(), [x, w])]
  })
  return { call: () => run(g) }
}

function convolution(name: string, layout: Layout): Workload[] {
  const flops = flopsOf(layout)
  const common = { bytes: 0, tolerance: 1e-4 }
  return [
    {
      name: `conv ${name} forward`,
      spec: { kind: 'convolution', ...layout, backward: false },
      flops,
      ...common,
      prepare: () => forward(layout),
    },
    {
      name: `conv ${name} forward + backward`,
      spec: { kind: 'convolution', ...layout, backward: true },
      flops: 3 * flops,
      ...common,
      prepare: () => forwardAndBackward(layout),
    },
  ]
}

const plain = { stride: 1, padding: 0, groups: 1 }

export const convolutions: readonly Workload[] = [
  ...convolution('3×3 N16 C64 H56 K64', {
    ...plain,
    input: [16, 64, 56, 56],
    weight: [64, 64, 3, 3],
    padding: 1,
  }),
  ...convolution('3×3 N16 C128 H28 K128', {
    ...plain,
    input: [16, 128, 28, 28],
    weight: [128, 128, 3, 3],
    padding: 1,
  }),
  ...convolution('11×11 stride 4 N8 C3 H224 K64', {
    ...plain,
    input: [8, 3, 224, 224],
    weight: [64, 3, 11, 11],
    stride: 4,
    padding: 2,
  }),
  ...convolution('5×5 unpadded N64 C1 H28 K32', {
    ...plain,
    input: [64, 1, 28, 28],
    weight: [32, 1, 5, 5],
  }),
  ...convolution('1×1 N16 C256 H14 K256', {
    ...plain,
    input: [16, 256, 14, 14],
    weight: [256, 256, 1, 1],
  }),
  ...convolution('depthwise 3×3 N16 C128 H28', {
    ...plain,
    input: [16, 128, 28, 28],
    weight: [128, 1, 3, 3],
    padding: 1,
    groups: 128,
  }),
]
