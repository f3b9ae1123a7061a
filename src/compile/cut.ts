import type { Target } from '../loop/target.ts'
import { type Contraction, extentOf, merged } from './contraction.ts'
import { chooseTile, type Tile } from './tile.ts'

/** Tiles of at most this many rows may read the left operand where it lies, row by row. */
const DIRECT_ROWS = 8
/** A part of a sum that is split among chunks is at least this deep, and there are at most so many. */
const MIN_PART = 256
const MAX_PARTS = 16

/** How a contraction is cut: fixed by its shape and the target alone. */
export interface Cut {
  readonly tile: Tile
  readonly m: number
  readonly n: number
  readonly k: number
  readonly batch: number
  /** The left operand's rows lie evenly in memory, each in order of k: they need no packing. */
  readonly direct: boolean
  /** Parts of the sum over k that run as chunks of their own; above 1 their results are added by another kernel. */
  readonly parts: number
}

/** Worth a tiled kernel: else plain loops are as good. */
export function isTiled(contraction: Contraction): boolean {
  const [m, n, k] = [contraction.m, contraction.n, contraction.k].map(extentOf) as [
    number,
    number,
    number,
  ]
  return m >= 4 && n >= 4 && k >= 4 && m * n * k >= 16384
}

export function cutOf({ m, n, k, batch }: Contraction, target: Target): Cut {
  const [across, along] = [merged(m, 0), merged(k, 0)]
  const [rows, columns, depth, count] = [m, n, k, batch].map(extentOf) as [
    number,
    number,
    number,
    number,
  ]
  const plain =
    across.length === 1 && along.length === 1 && along[0]!.stride === 1 && across[0]!.stride > 0
  const tile = chooseTile(rows, columns, target, plain ? DIRECT_ROWS : 0)
  const tiles =
    count * Math.ceil(rows / tile.rows) * Math.ceil(columns / (tile.vectors * tile.lanes))
  const parts = tiles >= 8 ? 1 : Math.max(1, Math.min(MAX_PARTS, Math.floor(depth / MIN_PART)))
  const direct = plain && tile.rows <= DIRECT_ROWS && rows >= tile.rows
  return { tile, m: rows, n: columns, k: depth, batch: count, direct, parts }
}

/** Elements from one panel of a packed left operand to the next. */
export const panelPitch = ({ tile, k }: Cut): number =>
  k * tile.rows + overrun(tile.rows, tile.lanes)

/** Elements of a packed left operand. */
export const packedSize = (cut: Cut): number =>
  cut.batch * Math.ceil(cut.m / cut.tile.rows) * panelPitch(cut)

/** Elements past a panel's end that packing may write: a vector, or the rest of a square block. */
export const overrun = (width: number, lanes: number): number => lanes * (width + 1)
