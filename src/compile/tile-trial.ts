import { i32, loop, mul, variable } from '../loop/build.ts'
import type { Kernel, Program } from '../loop/ir.ts'
import type { Target, TileCost } from '../loop/target.ts'
import { microKernel, microName } from './micro-kernel.ts'
import { tileCosts } from './tile.ts'

/**
 * Rows of a, panels of b and their depth: a block as the tiled kernels have it. a does not stay in
 * the level-1 cache from one pass over it to the next, so that narrow tiles pay for their many
 * passes.
 */
const ROWS = 512
const RIGHT = 4
const DEPTH = 512
/** Multiply-adds of a kernel, roughly: long beside the clock's grain, short beside the system's. */
const WORK = 1 << 24
/** A measured cost is a multiple of this: finer than that is noise. */
const GRAIN = 0.02
/** Costs that are as near as this to the table's, or to the best, are just that. */
const CLEAR = 0.03

/** A program that shows what tiles cost: kernel i is tile i's micro-kernel, on packed panels, again and again. */
export interface TileTrial {
  /** Its buffers may hold any numbers: each has a slot of its own, in order. */
  readonly program: Program
  readonly tiles: readonly TileCost[]
  /** Of each kernel. */
  readonly multiplyAdds: readonly number[]
}

/** The trial of all tiles that the target has registers for. */
export function tileTrial(target: Target): TileTrial {
  const { tiles: _, ...unmeasured } = target
  const tiles = tileCosts(unmeasured)
  const widths = tiles.map(({ vectors }) => vectors * target.lanes)
  const rows = Math.max(...tiles.map((tile) => tile.rows))
  const width = Math.max(...widths)
  const sizes = [(ROWS + rows) * DEPTH, RIGHT * width * DEPTH, rows * width]
  const rounds = tiles.map((tile) => roundsOf(tile, target))
  const program: Program = {
    buffers: ['A', 'B', 'C'].map((name, i) => ({
      name,
      dtype: 'f32',
      size: sizes[i]!,
      slot: i + 1,
      offset: 0,
    })),
    functions: tiles.map((tile) => microKernel(cutOf(tile, target), false)),
    kernels: tiles.map((tile, i) => trialOf(tile, target, rounds[i]!)),
    slots: sizes.length + 1,
    arenaBytes: 0,
  }
  const multiplyAdds = tiles.map((tile, i) => rounds[i]! * multiplied(tile, target))
  return { program, tiles, multiplyAdds }
}

/** Multiply-adds of all panels of a with all panels of b. */
const multiplied = ({ rows, vectors }: TileCost, { lanes }: Target): number =>
  panelsOf(rows) * rows * RIGHT * vectors * lanes * DEPTH
const panelsOf = (rows: number): number => Math.ceil(ROWS / rows)
const roundsOf = (tile: TileCost, target: Target): number =>
  Math.max(1, Math.round(WORK / multiplied(tile, target)))
const cutOf = ({ rows, vectors }: TileCost, { lanes }: Target) => ({
  tile: { rows, vectors, lanes },
  direct: undefined,
  pitch: undefined,
})

function trialOf(tile: TileCost, target: Target, rounds: number): Kernel {
  const width = tile.vectors * target.lanes
  const name = microName(cutOf(tile, target), false)
  const panel = (buffer: string, index: string, size: number) =>
    ({ kind: 'pointer', buffer, offset: mul(variable(index), i32(size * DEPTH)) }) as const
  const call = {
    kind: 'call',
    func: name,
    args: [
      panel('A', 'm', tile.rows),
      panel('B', 'n', width),
      { kind: 'pointer', buffer: 'C', offset: i32(0) },
      { kind: 'value', value: i32(DEPTH) },
      { kind: 'value', value: i32(width) },
    ],
  } as const
  const right = loop('n', i32(0), i32(RIGHT), [call])
  const left = loop('m', i32(0), i32(panelsOf(tile.rows)), [right])
  const body = [loop('round', i32(0), i32(rounds), [left])]
  // No operations: one thread, the calling one, is what is to be timed.
  return { name, origin: name, chunks: 1, scratch: [], body, flops: 0, bytes: 0 }
}

/**
 * What tiles cost by the times of their multiply-adds, coarsely: the best of them as much as the
 * best of these tiles in the table. Where the table is about right it stands, so that noise does
 * not choose between equals.
 */
export function measuredCosts(
  tiles: readonly TileCost[],
  times: readonly number[],
): readonly TileCost[] {
  const least = Math.min(...tiles.map(({ cost }) => cost))
  const scale = least / Math.min(...times)
  return tiles.map((tile, i) => {
    const cost = times[i]! * scale
    const near = [tile.cost, least].find((known) => Math.abs(cost / known - 1) <= CLEAR)
    return { ...tile, cost: near ?? Math.round(cost / GRAIN) * GRAIN }
  })
}
