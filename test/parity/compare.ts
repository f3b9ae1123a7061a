import { showShape } from '../../src/base/shape.ts'
import type { Tensor } from '../../src/index.ts'
import type { Reference } from './format.ts'

/** A tensor that is not what the reference says. */
export interface Difference {
  /** `output 0`, `gradient of weight`. */
  readonly tensor: string
  /** The largest error, or what else is wrong. */
  readonly detail: string
}

/** Compares a tensor with its reference: shape, dtype, then |got − want| ≤ tol · (1 + |want|). */
export async function compare(
  tensor: string,
  got: Tensor | undefined,
  want: Reference,
  tol: number,
): Promise<Difference[]> {
  if (!got) return [{ tensor, detail: 'missing' }]
  const [mine, its] = [got, want].map((t) => `${t.dtype} ${showShape(t.shape)}`)
  if (mine !== its) return [{ tensor, detail: `expected ${its}, got ${mine}` }]
  const detail = largestError(await got.data(), want.data, tol)
  return detail ? [{ tensor, detail }] : []
}

/** The worst element outside the tolerance, in words; undefined if there is none. */
export function largestError(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  tol: number,
): string | undefined {
  let [worst, where, count] = [0, -1, 0]
  for (let i = 0; i < want.length; i++) {
    const excess = distance(got[i]!, want[i]!) / (tol * (1 + Math.abs(want[i]!)))
    if (excess <= 1) continue
    count++
    if (excess > worst) [worst, where] = [excess, i]
  }
  if (count === 0) return undefined
  const error = distance(got[where]!, want[where]!).toPrecision(3)
  return `largest error ${error} at [${where}]: expected ${want[where]}, got ${got[where]} (${count} of ${want.length} beyond ${tol})`
}

/** |got − want|; infinities and NaN must be met exactly. */
function distance(got: number, want: number): number {
  if (Number.isFinite(got) && Number.isFinite(want)) return Math.abs(got - want)
  return Object.is(got, want) ? 0 : Number.POSITIVE_INFINITY
}
