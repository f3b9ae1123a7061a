import { BrickError } from '../../base/errors.ts'
import { type Shape, showShape, sizeOf } from '../../base/shape.ts'
import { type HostGenerator, hostGenerator } from '../../tensor/host-random.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { refuseOption, requireWithin } from '../module/check.ts'
import { drawn } from './drawn.ts'
import { refuseZeros } from './init-zeros.ts'

export interface TruncatedOptions {
  readonly mean?: number
  readonly std?: number
  /** No value is below (default −2) … */
  readonly low?: number
  /** … or above (default 2), as in PyTorch: these are values, not multiples of std. */
  readonly high?: number
  readonly generator?: HostGenerator
}

/**
 * N(mean, std²) without its tails: values outside [low, high] are drawn again.
 *
 * @throws BrickError `argument` for an empty interval, or one that the distribution hardly reaches.
 */
export function truncatedNormal(shape: Shape, options: TruncatedOptions = {}): Tensor {
  const { mean = 0, std = 1, low = -2, high = 2, generator = hostGenerator } = options
  requireWithin('init.truncatedNormal', 'std', std, [Number.MIN_VALUE, Number.POSITIVE_INFINITY])
  return drawn(shape, () => insideOf(shape, { ...options, mean, std, low, high, generator }))
}

function insideOf(shape: Shape, options: Required<TruncatedOptions>): Float32Array {
  const { mean, std, low, high, generator } = options
  const values = generator.normal(shape, mean, std)
  let outside = placesOutside(values, low, high)
  for (let rounds = 0; outside.length > 0; rounds++) {
    if (rounds === ROUNDS || !(low < high)) throw unreachableInterval(options)
    const fresh = generator.normal([outside.length], mean, std)
    outside.forEach((place, i) => {
      values[place] = fresh[i]!
    })
    outside = outside.filter((place) => !(values[place]! >= low && values[place]! <= high))
  }
  return values
}

const ROUNDS = 1000

function placesOutside(values: Float32Array, low: number, high: number): number[] {
  return [...values.keys()].filter((i) => !(values[i]! >= low && values[i]! <= high))
}

function unreachableInterval({ mean = 0, std = 1, low = -2, high = 2 }: TruncatedOptions) {
  return new BrickError({
    kind: 'argument',
    where: 'init.truncatedNormal',
    got: `[${low}, ${high}] for mean ${mean}, std ${std}`,
    wanted: 'an interval that the distribution reaches',
  })
}

/** Rows and columns of a weight [out, …]; a weight has at least two dims. */
function matrixOf(where: string, shape: Shape): [rows: number, columns: number] {
  if (shape.length >= 2) return [shape[0]!, sizeOf(shape.slice(1))]
  throw new BrickError({
    kind: 'shape',
    where,
    got: showShape(shape),
    wanted: 'a weight of at least 2 dims, [out, in, …kernel]',
  })
}

/**
 * A random matrix [out, in · |kernel|] with orthonormal rows (or columns, if there are fewer), times
 * gain: it keeps lengths, so that signals and gradients neither grow nor fade.
 *
 * Source: Saxe et al., “Exact solutions to the nonlinear dynamics of learning in deep linear neural
 * networks”, 2013.
 *
 * @throws BrickError `shape` for fewer than two dims.
 *
 * @example
 * ```ts
 * const w = nn.init.orthogonal([2, 2])
 * w.matmul(w.transpose()).shape // [2, 2]
 * ```
 */
export function orthogonal(shape: Shape, gain = 1, generator = hostGenerator): Tensor {
  const [rows, columns] = matrixOf('init.orthogonal', shape)
  refuseZeros('orthogonal', shape, gain === 0, 'gain 0')
  const [count, length] = rows <= columns ? [rows, columns] : [columns, rows]
  const drawn = generator.normal([count, length])
  const vectors = Array.from({ length: count }, (_, i) =>
    Float64Array.from(drawn.subarray(i * length, (i + 1) * length)),
  )
  vectors.forEach((vector, i) => {
    // Twice: what rounding leaves of the others after the first time is gone after the second.
    for (let pass = 0; pass < 2; pass++) subtractParts(vector, vectors.slice(0, i))
    normalize(vector)
  })
  const at = (row: number, column: number) =>
    rows <= columns ? vectors[row]![column]! : vectors[column]![row]!
  const values = Float32Array.from(
    { length: rows * columns },
    (_, i) => gain * at(Math.floor(i / columns), i % columns),
  )
  return Tensor.of(values, shape, 'f32')
}

const dot = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0)

/** Takes away what a vector has in common with others of length 1 (Gram and Schmidt). */
function subtractParts(vector: Float64Array, others: readonly Float64Array[]): void {
  for (const other of others) {
    const share = dot(vector, other)
    for (let i = 0; i < vector.length; i++) vector[i]! -= share * other[i]!
  }
}

function normalize(vector: Float64Array): void {
  const length = Math.sqrt(dot(vector, vector)) || 1
  for (let i = 0; i < vector.length; i++) vector[i]! /= length
}

/**
 * N(0, std²) with this share of each column's rows at 0, [out, in]: each input feeds few outputs.
 *
 * Source: Martens, “Deep learning via Hessian-free optimization”, 2010.
 *
 * @throws BrickError `shape` for other than two dims, `argument` for a sparsity outside [0, 1).
 */
export function sparse(
  shape: Shape,
  sparsity: number,
  {
    std = 0.01,
    generator = hostGenerator,
  }: { readonly std?: number; readonly generator?: HostGenerator } = {},
): Tensor {
  const [rows, columns] = matrixOf('init.sparse', shape)
  if (!(sparsity >= 0 && sparsity < 1))
    throw refuseOption('init.sparse', `sparsity = ${sparsity}`, 'a number from 0, below 1')
  const values = generator.normal([rows, columns], 0, std)
  const order = generator.uniform([rows, columns])
  const zeros = Math.ceil(rows * sparsity)
  refuseZeros('sparse', shape, zeros === rows, `${zeros} zeros in columns of ${rows}`)
  for (let column = 0; column < columns; column++) {
    const key = (row: number) => order[row * columns + column]!
    const drawn = Array.from({ length: rows }, (_, row) => row).sort((a, b) => key(a) - key(b))
    for (const row of drawn.slice(0, zeros)) values[row * columns + column] = 0
  }
  return Tensor.of(values, shape, 'f32')
}
