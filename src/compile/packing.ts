import type { Node } from '../graph/node.ts'
import {
  add,
  binary,
  comment,
  i32,
  load,
  mul,
  register,
  set,
  store,
  sub,
  variable,
} from '../loop/build.ts'
import { CHUNK, type Expr, type Func, type Kernel } from '../loop/ir.ts'
import { type Axis, type Contraction, merged } from './contraction.ts'
import { type Cut, panelPitch } from './cut.ts'
import { Emitter, type Memory } from './emitter.ts'
import { transpose, transposeName } from './transpose.ts'

/** Elements that make a chunk worth handing to a thread, and the most chunks of a kernel. */
const CHUNK_WORK = 32768
const MAX_CHUNKS = 64

interface Step {
  readonly extent: number
  readonly stride: number
}

/**
 * Reads an operand through its index map into panels that the micro-kernel reads in order. The
 * panel may be written past its end, as far as {@link overrun} says.
 */
interface Packing {
  readonly source: string
  readonly offset: Expr
  /** The axes side by side in a panel, and those along it. */
  readonly across: readonly Step[]
  readonly along: readonly Step[]
  readonly width: number
  readonly lanes: number
  readonly first: Expr
  readonly from: Expr
  readonly depth: Expr
  /** The most that `depth` can be. */
  readonly deepest: number
  readonly whole: boolean
  readonly target: string
  readonly at: Expr
  readonly table: string
}

/** Neighbours in a panel that are neighbours in memory, whatever the panel: a divisor of the innermost run. */
function groupOf(across: readonly Step[], width: number, lanes: number): number {
  const run = across.at(-1)
  if (run?.stride !== 1) return 1
  let group = 1
  while (group < lanes && run.extent % (group * 2) === 0 && width % (group * 2) === 0) group *= 2
  return group >= 2 ? group : 1
}

/** Whether all neighbours lie in one run of memory, at least a vector long. */
const isOneRun = (across: readonly Step[], lanes: number): boolean =>
  across.length === 1 && across[0]!.stride === 1 && across[0]!.extent >= lanes

/** Σ (index / weight mod extent) · stride: where element `index` of the flattened axes lies. */
function offsetOf(axes: readonly Step[], index: Expr): Expr {
  let weight = axes.reduce((product, axis) => product * axis.extent, 1)
  let sum = i32(0)
  axes.forEach(({ extent, stride }, i) => {
    weight /= extent
    const shifted = binary('div', index, i32(weight))
    const digit = i === 0 ? shifted : binary('rem', shifted, i32(extent))
    sum = add(sum, mul(digit, i32(stride)))
  })
  return sum
}

/** One way to pack: what a row of a panel costs, roughly, in instructions, and how it is written. */
interface Way {
  readonly cost: number
  emit(): void
}

/** Writes the loops of a packing, in the way that costs least. */
export function emitPacking(emitter: Emitter, packing: Packing): void {
  const ways = [byGroups(emitter, packing), byRuns(emitter, packing), byBlocks(emitter, packing)]
  ways
    .filter((way) => way !== undefined)
    .reduce((best, way) => (way.cost < best.cost ? way : best))
    .emit()
}

/** Copies one row of a panel from `shift`; `index` is its place in the panel. */
type Row = (shift: Expr, index: Expr) => void

/** Calls `row` for each row of a panel, in order. */
function eachRow(emitter: Emitter, { along, from, depth, whole }: Packing, row: Row): void {
  if (!whole) {
    emitter.loop('k', depth, (k) => {
      row(emitter.name(offsetOf(along, emitter.name(add(from, k)))), k)
    })
    return
  }
  const nest = (axes: typeof along, shift: Expr, index: Expr): void => {
    const [axis, ...rest] = axes
    if (!axis) {
      row(emitter.name(shift), emitter.name(index))
      return
    }
    emitter.loop('k', i32(axis.extent), (k) => {
      nest(rest, add(shift, mul(k, i32(axis.stride))), add(mul(index, i32(axis.extent)), k))
    })
  }
  nest(along, i32(0), i32(0))
}

/** Neighbours that lie together in memory by vectors as long as all of them are, found through a table. */
function byGroups(emitter: Emitter, packing: Packing): Way {
  const group = groupOf(packing.across, packing.width, packing.lanes)
  return {
    cost: (packing.width / group) * 3,
    emit: () => eachRow(emitter, packing, groupRow(emitter, packing, group)),
  }
}

/** Runs of neighbours by full vectors. */
function byRuns(emitter: Emitter, packing: Packing): Way | undefined {
  const { across, width, lanes } = packing
  const run = across.at(-1)
  if (run?.stride !== 1) return undefined
  if (isOneRun(across, lanes)) {
    return {
      cost: Math.ceil(width / lanes) * 2,
      emit: () => eachRow(emitter, packing, runRow(emitter, packing)),
    }
  }
  return {
    cost: (width / run.extent + 1) * (5 + 2 * Math.ceil(run.extent / lanes)),
    emit: () => eachRow(emitter, packing, runsRow(emitter, packing)),
  }
}

/** Where the operand lies in order of k: square blocks are transposed in registers. */
function byBlocks(emitter: Emitter, packing: Packing): Way | undefined {
  const { along, width, deepest } = packing
  const run = along.at(-1)
  if (run?.stride !== 1) return undefined
  const lanes = blockLanes(packing)
  const length = Math.min(run.extent, deepest)
  const waste = (Math.ceil(length / lanes) * lanes) / length
  return {
    cost: Math.ceil(width / lanes) * (3 + Math.log2(lanes)) * waste + 20 / length,
    emit: () => eachRun(emitter, packing, blockRun(emitter, packing, lanes)),
  }
}

/** The side of a square block: a vector, or less for a narrow panel. */
function blockLanes({ width, lanes }: Packing): number {
  let side = lanes
  while (side / 2 >= width) side /= 2
  return side
}

/** Copies a run of `length` rows that lies from `shift`; `index` is the first one's place. */
type Run = (shift: Expr, index: Expr, length: Expr) => void

/** Calls `run` for each run of rows that lie together in memory, in order. */
function eachRun(emitter: Emitter, packing: Packing, run: Run): void {
  const { along, from, depth, deepest, whole } = packing
  const last = along.at(-1)!
  if (along.length === 1) {
    run(emitter.name(mul(from, i32(last.stride))), i32(0), depth)
    return
  }
  if (whole) {
    const outer = { ...packing, along: along.slice(0, -1) }
    eachRow(emitter, outer, (shift, index) => {
      run(shift, emitter.name(mul(index, i32(last.extent))), i32(last.extent))
    })
    return
  }
  const done = emitter.fresh('done')
  const here = variable(done)
  emitter.emit(register(done, i32(0)))
  emitter.loop('r', i32(Math.ceil(deepest / last.extent) + 1), () => {
    const position = emitter.name(add(from, here))
    const left = sub(i32(last.extent), binary('rem', position, i32(last.extent)))
    const length = emitter.name(binary('min', left, sub(depth, here)))
    run(emitter.name(offsetOf(along, position)), here, length)
    emitter.emit(set(done, add(here, length)))
  })
}

/** Transposes runs into the panel. A last block that would reach past the row starts earlier. */
function blockRun(emitter: Emitter, packing: Packing, lanes: number): Run {
  const { source, offset, across, width, first, target, at, table } = packing
  const total = across.reduce((product, axis) => product * axis.extent, 1)
  const entries = Math.max(width, lanes)
  emitter.loop('j', i32(entries), (j) => {
    // Beyond the edge the last one is read again: its sums are never stored.
    const lane = emitter.name(binary('min', add(first, j), i32(total - 1)))
    emitter.emit(store(table, j, add(offset, offsetOf(across, lane))))
  })
  const sides = Math.ceil(width / lanes)
  return (shift, index, length) => {
    const start = emitter.name(add(at, mul(index, i32(width))))
    emitter.loop(
      'b',
      i32(sides),
      (b) => {
        const side = emitter.name(binary('min', mul(b, i32(lanes)), i32(entries - lanes)))
        emitter.emit({
          kind: 'call',
          func: transposeName(lanes),
          args: [
            { kind: 'pointer', buffer: source, offset: shift },
            { kind: 'pointer', buffer: table, offset: side },
            { kind: 'pointer', buffer: target, offset: add(start, side) },
            { kind: 'value', value: length },
            { kind: 'value', value: i32(width) },
          ],
        })
      },
      { unroll: sides === 1 },
    )
  }
}

/**
 * Rows in several runs: each is copied by whole vectors, in order. What a vector writes past its
 * run is written again by the next; what it reads past its run is there, for all memory may be
 * read a vector past its end.
 */
function runsRow(
  emitter: Emitter,
  { source, offset, across, width, lanes, first, target, at, table }: Packing,
): Row {
  const run = across.at(-1)!.extent
  const total = across.reduce((product, axis) => product * axis.extent, 1)
  const most = Math.ceil(width / run) + 1
  const lane = emitter.fresh('lane')
  const here = variable(lane)
  emitter.emit(register(lane, i32(0)))
  // Entries: where a run is read, where it is written, and how long it is.
  emitter.loop('r', i32(most), (r) => {
    const position = emitter.name(add(first, here))
    const inside = emitter.name(binary('min', position, i32(total - 1)))
    const left = sub(i32(run), binary('rem', inside, i32(run)))
    const room = binary('min', sub(i32(width), here), sub(i32(total), position))
    const length = emitter.name(binary('min', left, room))
    const entry = emitter.name(mul(r, i32(3)))
    emitter.emit(store(table, entry, add(offset, offsetOf(across, inside))))
    emitter.emit(store(table, add(entry, i32(1)), here))
    emitter.emit(store(table, add(entry, i32(2)), length))
    emitter.emit(set(lane, add(here, length)))
  })
  return (shift, index) => {
    const start = emitter.name(add(at, mul(index, i32(width))))
    emitter.loop('r', i32(most), (r) => {
      const entry = emitter.name(mul(r, i32(3)))
      const read = emitter.name(add(load(table, 'i32', entry), shift))
      const write = emitter.name(add(start, load(table, 'i32', add(entry, i32(1)))))
      const length = emitter.name(load(table, 'i32', add(entry, i32(2))))
      emitter.loop(
        'j',
        length,
        (j) => emitter.emit(store(target, add(write, j), load(source, 'f32', add(read, j), lanes))),
        { step: lanes },
      )
    })
  }
}

/** Entries of a packing's table, at most. */
export const tableSize = (width: number, lanes: number): number =>
  Math.max(3 * (width + 1), width + lanes)

/** The functions that packing may call. */
export function packingFunctions(lanes: number): Func[] {
  const sides: number[] = []
  for (let side = lanes; side >= 4; side /= 2) sides.push(side)
  return sides.map(transpose)
}

/** Rows that lie in one piece, by full vectors. Beyond the edge anything may stand: its sums are never stored. */
function runRow(
  emitter: Emitter,
  { source, offset, across, width, lanes, first, target, at }: Packing,
): Row {
  const start = emitter.name(add(offset, first))
  const edge = emitter.name(binary('min', i32(width), sub(i32(across[0]!.extent), first)))
  return (shift, index) => {
    const read = emitter.name(add(start, shift))
    const write = emitter.name(add(at, mul(index, i32(width))))
    emitter.loop(
      'j',
      edge,
      (j) => emitter.emit(store(target, add(write, j), load(source, 'f32', add(read, j), lanes))),
      { step: lanes },
    )
  }
}

/** Rows in groups that lie together, found through a table. */
function groupRow(emitter: Emitter, packing: Packing, group: number): Row {
  const { source, offset, across, width, first, target, at, table } = packing
  const total = across.reduce((product, axis) => product * axis.extent, 1)
  // Beyond the edge the last group is read again: its sums are never stored.
  emitter.loop('j', i32(width / group), (j) => {
    const lane = binary('min', add(first, mul(j, i32(group))), i32(total - group))
    emitter.emit(store(table, j, add(offset, offsetOf(across, emitter.name(lane)))))
  })
  return (shift, index) => {
    const start = emitter.name(add(at, mul(index, i32(width))))
    emitter.loop(
      'j',
      i32(width / group),
      (j) => {
        const address = add(load(table, 'i32', j), shift)
        emitter.emit(
          store(target, add(start, mul(j, i32(group))), load(source, 'f32', address, group)),
        )
      },
      { unroll: width / group <= 8 },
    )
  }
}

/** Base offset of an operand in batch `index`. */
export const batchOffset = (
  axes: readonly Axis[],
  which: 0 | 1,
  constant: number,
  index: Expr,
): Expr =>
  add(
    offsetOf(
      axes.map(({ extent, strides }) => ({ extent, stride: strides[which] })),
      index,
    ),
    i32(constant),
  )

/** Packs the whole left operand, panel by panel. */
export function emitPackLeft(
  contraction: Contraction,
  cut: Cut,
  packed: Node,
  memory: Memory,
  name: string,
  lanes: number,
): Kernel {
  const emitter = new Emitter(memory)
  const { tile, m, k, batch } = cut
  const panels = Math.ceil(m / tile.rows)
  const total = batch * panels
  const chunks = Math.max(1, Math.min(MAX_CHUNKS, total, Math.floor((batch * m * k) / CHUNK_WORK)))
  const each = Math.ceil(total / chunks)
  const start = emitter.name(mul(variable(CHUNK), i32(each)))
  const end = emitter.name(binary('min', add(start, i32(each)), i32(total)))
  emitter.loop(
    'p',
    end,
    (p) => {
      const panel = emitter.name(binary('rem', p, i32(panels)))
      const index = emitter.name(binary('div', p, i32(panels)))
      emitPacking(emitter, {
        source: memory(contraction.a.base).buffer,
        offset: emitter.name(batchOffset(contraction.batch, 0, contraction.a.at.constant, index)),
        across: merged(contraction.m, 0),
        along: merged(contraction.k, 0),
        width: tile.rows,
        lanes,
        first: emitter.name(mul(panel, i32(tile.rows))),
        from: i32(0),
        depth: i32(k),
        deepest: k,
        whole: true,
        target: memory(packed).buffer,
        at: emitter.name(mul(p, i32(panelPitch(cut)))),
        table: 'table',
      })
    },
    { start },
  )
  return {
    name,
    chunks: Math.ceil(total / each),
    scratch: [{ name: 'table', dtype: 'i32', size: tableSize(tile.rows, lanes) }],
    body: [
      comment(`pack the left operand of ${contraction.node.scope || 'a contraction'}`),
      ...emitter.finish(),
    ],
    flops: 0,
    bytes: 8 * batch * m * k,
    origin: 'pack',
  }
}
