import type { Target } from '../loop/target.ts'
import { type Contraction, extentOf, merged } from './contraction.ts'
import { CONFLICT } from './straighten.ts'
import { chooseTile, type Tile } from './tile.ts'

/** Tiles of at most this many rows may read the left operand where it lies, row by row. */
const DIRECT_ROWS = 8
/** Outputs of at most this many tiles' widths may read its columns in place: half of each cache line at a time. */
const DIRECT_WIDTHS = 6
/** Tiles of rows that may share columns of b without these being packed. */
const FEW_TILES = 2
/** A part of a sum that is split among chunks is at least this deep, and there are at most so many. */
const MIN_PART = 192
const MAX_PARTS = 16
/** Sums of an output of at least so many pieces, of rows × vectors, are not split. */
const WHOLE = 8
const PIECE = { rows: 8, vectors: 3 }

/** What of the left operand lies together in memory where it is read in place. */
export type Direct = 'rows' | 'columns'

/** How a contraction is cut: fixed by its shape and the target alone. */
export interface Cut {
  readonly tile: Tile
  readonly m: number
  readonly n: number
  readonly k: number
  readonly batch: number
  /**
   * The left operand needs no packing: its rows lie evenly in memory, each in order of k, or its
   * columns do, each in order of m.
   */
  readonly direct: Direct | undefined
  /** Elements between the rows of b, where these are read in place: each in order of n. Else undefined: b is packed. */
  readonly pitch: number | undefined
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

/** How the left operand lies, and the tile for that. */
export function tiling({ m, n, k }: Contraction, target: Target) {
  const [across, along] = [merged(m, 0), merged(k, 0)]
  const even = across.length === 1 && along.length === 1
  const [step, pitch] = [across[0]?.stride ?? 0, along[0]?.stride ?? 0]
  const inRows = even && pitch === 1 && step > 0
  const inColumns = even && step === 1 && pitch > 0 && pitch % CONFLICT !== 0
  const choice = chooseTile(extentOf(m), extentOf(n), target, inRows ? DIRECT_ROWS : 0)
  return { ...choice, inRows, inColumns }
}

export function cutOf(contraction: Contraction, target: Target): Cut {
  const { m, n, k, batch } = contraction
  const { tile, inRows, inColumns } = tiling(contraction, target)
  const [rows, columns, depth, count] = [m, n, k, batch].map(extentOf) as [
    number,
    number,
    number,
    number,
  ]
  const width = tile.vectors * tile.lanes
  const parts = partsOf(rows, columns, depth, count, target.lanes)
  const fits = rows >= tile.rows
  const few = columns <= DIRECT_WIDTHS * width
  const byRows = fits && inRows && tile.rows <= DIRECT_ROWS
  const direct = byRows ? 'rows' : fits && inColumns && few ? 'columns' : undefined
  const pitch = pitchOf(contraction, width, Math.ceil(rows / tile.rows))
  return { tile, m: rows, n: columns, k: depth, batch: count, direct, pitch, parts }
}

/** How b lies, if it lies as it would be packed, or is read so seldom that packing does not pay. */
function pitchOf({ n, k }: Contraction, width: number, rowTiles: number): number | undefined {
  const [across, along] = [merged(n, 1), merged(k, 1)]
  if (across.length !== 1 || along.length !== 1 || across[0]!.stride !== 1) return undefined
  const [{ extent }, { stride }] = [across[0]!, along[0]!]
  if (extent < width || stride < extent) return undefined
  const isPacked = extent === width && stride === width
  return isPacked || rowTiles <= FEW_TILES ? stride : undefined
}

/**
 * How many parts a sum is split into. It decides the order of additions, so the tile has no say:
 * another one must not change the bits of results.
 */
function partsOf(
  rows: number,
  columns: number,
  depth: number,
  count: number,
  lanes: number,
): number {
  const across = Math.ceil(columns / (PIECE.vectors * lanes))
  const pieces = count * Math.ceil(rows / PIECE.rows) * across
  return pieces >= WHOLE ? 1 : Math.max(1, Math.min(MAX_PARTS, Math.floor(depth / MIN_PART)))
}

/** Elements from one panel of a packed left operand to the next. */
export const panelPitch = ({ tile, k }: Cut): number =>
  k * tile.rows + overrun(tile.rows, tile.lanes)

/** Elements of a packed left operand. */
export const packedSize = (cut: Cut): number =>
  cut.batch * Math.ceil(cut.m / cut.tile.rows) * panelPitch(cut)

/** Elements past a panel's end that packing may write: a vector, or the rest of a square block. */
export const overrun = (width: number, lanes: number): number => lanes * (width + 1)
