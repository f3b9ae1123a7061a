import { type Contraction, extentOf } from './contraction.ts'

/** The part that a kernel has in a contraction. */
export interface Share {
  readonly title: string
  readonly contraction: Contraction
  /** Reads both operands, only the left one, or what another kernel has left. */
  readonly reads: 'both' | 'left' | 'none'
}

/** The share of a kernel that does this of a contraction; all of it, if nothing is said. */
export function shareOf(contraction: Contraction, reads: Share['reads'], what = ''): Share {
  const [batch, m, n, k] = [contraction.batch, contraction.m, contraction.n, contraction.k].map(
    extentOf,
  )
  const size = `${batch === 1 ? '' : `${batch}×`}${m}×${k}×${n}`
  return { title: `contraction ${size}${what && `, ${what}`}`, contraction, reads }
}
