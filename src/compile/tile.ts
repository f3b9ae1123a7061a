import type { Target, TileCost } from '../loop/target.ts'

/** Rows and vectors of the register tile: `rows` × `vectors` accumulators. */
export interface Tile {
  readonly rows: number
  readonly vectors: number
  readonly lanes: number
}

/** Register tiles and their time per multiply-add relative to the best, as it was on one machine with AVX-512. */
const table: readonly (readonly [rows: number, vectors: number, cost: number])[] = [
  [8, 3, 1],
  [6, 4, 1],
  [14, 2, 1],
  [12, 2, 1.01],
  [5, 4, 1.04],
  [10, 2, 1.04],
  [4, 4, 1.08],
  [16, 1, 1.3],
  [6, 2, 1.1],
  [5, 2, 1.12],
  [4, 2, 1.15],
  [8, 1, 1.4],
]

/** Multiply-adds (of vectors) that packing an element of a takes the time of. */
const PACKING = 1

/**
 * The tiles that the target has registers for: their accumulators, one row of vectors of b, an
 * element of a and, where there is no fused multiply-add, a product find a register each. They
 * cost what was measured on the machine, else what the table says.
 */
export function tileCosts({ registers, fma, tiles = [] }: Target): readonly TileCost[] {
  return table
    .filter(([rows, vectors]) => rows * vectors + vectors + (fma ? 1 : 2) <= registers)
    .map(([rows, vectors, cost]) => {
      const measured = tiles.find((tile) => tile.rows === rows && tile.vectors === vectors)
      return measured ?? { rows, vectors, cost }
    })
}

/**
 * The tile that wastes least on an m × n output, the table's first among equals, and what that
 * takes for each k, in multiply-adds: edges are padded to whole tiles. Tiles of at most `direct`
 * rows read a where it lies; the others pack it first.
 */
export function chooseTile(
  m: number,
  n: number,
  target: Target,
  direct: number,
): { readonly tile: Tile; readonly work: number } {
  const { lanes } = target
  const works = tileCosts(target).map(({ rows, vectors, cost }) => {
    const width = vectors * lanes
    const padded = Math.ceil(m / rows) * rows * Math.ceil(n / width) * width * cost
    const packing = rows > direct ? m * lanes * PACKING : 0
    return { tile: { rows, vectors, lanes }, work: padded + packing }
  })
  return works.reduce((best, it) => (it.work < best.work ? it : best))
}
