import { compile, nn, type Tensor } from '../../src/index.ts'
import { parameterValues } from '../inputs.ts'
import { input } from './input.ts'
import type { Prepared, Spec, Workload } from './workload.ts'

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

/** A function of one tensor that reads it once and writes as much. */
function map(
  name: string,
  kind: Extract<Spec, { shape: unknown }>['kind'] &
    ('softmax' | 'layerNorm' | 'batchNorm' | 'chain'),
  shape: readonly number[],
  prepare: (x: Tensor) => Prepared | Promise<Prepared>,
): Workload {
  return {
    name,
    spec: { kind, shape },
    flops: 0,
    bytes: 8 * sizeOf(shape),
    tolerance: 1e-4,
    prepare: () => prepare(input(shape)),
  }
}

function applying(x: Tensor, f: (x: Tensor) => Tensor): Prepared {
  const run = compile(f)
  return { call: () => run(x) }
}

/** Twelve operations, each of which is a pass over memory where nothing is fused. */
const chain = (x: Tensor): Tensor =>
  x
    .mul(1.1)
    .add(0.3)
    .relu()
    .square()
    .sub(0.5)
    .abs()
    .sqrt()
    .mul(x)
    .add(x)
    .maximum(-1)
    .minimum(1)
    .neg()

async function batchNorm(x: Tensor): Promise<Prepared> {
  const layer = new nn.BatchNorm2d(x.shape[1]!)
  for (const [i, [name, parameter]] of Object.entries(layer.namedParameters()).entries()) {
    await parameter.load(parameterValues(name, parameter.shape, i))
  }
  return applying(x, (a) => layer.forward(a))
}

function layerNorm(x: Tensor): Prepared {
  const shape = x.shape.slice(1)
  const weight = input(shape, 1, 1)
  const bias = input(shape, 1, 2)
  return applying(x, (a) => nn.layerNorm(a, shape, { weight, bias }))
}

function sum(shape: readonly number[], axis: number): Workload {
  return {
    name: `sum over axis ${axis} of ${shape.join('×')}`,
    spec: { kind: 'sum', shape, axis },
    flops: 0,
    bytes: 4 * (sizeOf(shape) + sizeOf(shape.toSpliced(axis, 1))),
    onlyReads: true,
    tolerance: 1e-4,
    prepare: () => applying(input(shape), (x) => x.sum(axis)),
  }
}

const square = [4096, 4096]
const cube = [256, 256, 256]

export const memoryBound: readonly Workload[] = [
  map('softmax 4096×4096', 'softmax', square, (x) => applying(x, (a) => a.softmax(-1))),
  map('layer norm 4096×4096', 'layerNorm', square, layerNorm),
  map('batch norm 16×64×128×128', 'batchNorm', [16, 64, 128, 128], batchNorm),
  map('12 elementwise operations on 16 M', 'chain', [2 ** 24], (x) => applying(x, chain)),
  ...cube.map((_, axis) => sum(cube, axis)),
]
