import { BrickError } from '../../base/errors.ts'
import { showShape } from '../../base/shape.ts'
import { scaleOf } from '../normalize.ts'
import { type AnySource, eachExample } from '../pass.ts'

/** Principal axes of a set's colours. */
export interface ColorPca {
  /** Standard deviations along the axes, the largest first. */
  readonly values: readonly number[]
  /** The axes, each of three numbers. */
  readonly vectors: readonly (readonly number[])[]
}

/**
 * The principal axes of the RGB values of all pixels, for `transforms.pcaNoise`, in one pass and
 * in double precision. Ask it of the training split only.
 *
 * @param options.scale What the inputs are multiplied by first: default 1/255 for u8, else 1.
 * @throws BrickError `shape` for what is no RGB.
 * @example
 * ```ts
 * const two = { dtype: 'f32', shape: [2, 3, 1, 1], data: Float32Array.of(0, 0, 0, 1, 1, 1) }
 * const targets = { dtype: 'i32', shape: [2], data: Int32Array.of(0, 0) }
 * const pca = await data.colorPca(new data.ArrayDataset({ name: 'two', inputs: two, targets }))
 * pca.values[0]?.toFixed(4) // '0.8660'
 * ```
 */
export async function colorPca(
  dataset: AnySource,
  options: { scale?: number } = {},
): Promise<ColorPca> {
  const sums = new Float64Array(3)
  const products = new Float64Array(9)
  let count = 0
  let scale = options.scale
  await eachExample(dataset, (input, data, start) => {
    if (input.shape.length !== 3 || input.shape[0] !== 3) throw noRgb(input.shape)
    scale ??= scaleOf(input)
    const plane = input.shape[1]! * input.shape[2]!
    count += plane
    for (let i = start; i < start + plane; i++) {
      for (let a = 0; a < 3; a++) {
        const x = data[i + a * plane]! * scale
        sums[a]! += x
        for (let b = 0; b <= a; b++) products[3 * a + b]! += x * data[i + b * plane]! * scale
      }
    }
  })
  const covariance = [0, 1, 2].map((a) =>
    [0, 1, 2].map((b) => {
      const product = products[3 * Math.max(a, b) + Math.min(a, b)]!
      return product / count - (sums[a]! / count) * (sums[b]! / count)
    }),
  )
  const { values, vectors } = symmetricEigen(covariance)
  return { values: values.map((value) => Math.sqrt(Math.max(0, value))), vectors }
}

function noRgb(shape: readonly number[]): BrickError {
  return new BrickError({
    kind: 'shape',
    where: 'colorPca',
    wanted: 'images [3, height, width]',
    got: showShape(shape),
  })
}

/**
 * Eigenvalues, the largest first, and eigenvectors of a symmetric matrix, by Jacobi's rotations.
 *
 * @internal
 */
export function symmetricEigen(matrix: readonly (readonly number[])[]): {
  values: number[]
  vectors: number[][]
} {
  const n = matrix.length
  const a = matrix.map((row) => [...row])
  const v = a.map((_, i) => a.map((__, j) => Number(i === j)))
  for (let sweep = 0; sweep < 50; sweep++) {
    let off = 0
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        off += Math.abs(a[p]![q]!)
        if (a[p]![q] !== 0) rotate(a, v, p, q)
      }
    }
    if (off === 0) break
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]!)
  return {
    values: order.map((i) => a[i]![i]!),
    vectors: order.map((i) => v.map((row) => row[i]!)),
  }
}

/** Makes a[p][q] zero by a rotation of the axes p and q. */
function rotate(a: number[][], v: number[][], p: number, q: number): void {
  const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!)
  const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1))
  const c = 1 / Math.hypot(t, 1)
  const s = t * c
  for (const rows of [a, v]) {
    for (const row of rows) {
      const [x, y] = [row[p]!, row[q]!]
      row[p] = c * x - s * y
      row[q] = s * x + c * y
    }
  }
  const [above, below] = [a[p]!, a[q]!]
  for (let k = 0; k < a.length; k++) {
    const [x, y] = [above[k]!, below[k]!]
    above[k] = c * x - s * y
    below[k] = s * x + c * y
  }
  above[q] = 0
  below[p] = 0
}
