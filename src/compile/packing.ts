import type { Node } from '../graph/node.ts'
import {
  add,
  binary,
  comment,
  f32,
  i32,
  load,
  mul,
  register,
  set,
  store,
  sub,
  variable,
} from '../loop/build.ts'
import { CHUNK, type Expr, type Kernel } from '../loop/ir.ts'
import { type Axis, type Contraction, merged } from './contraction.ts'
import type { Cut } from './cut.ts'
import { Emitter, type Memory } from './emitter.ts'

/** Elements that make a chunk worth handing to a thread, and the most chunks of a kernel. */
const CHUNK_WORK = 32768
const MAX_CHUNKS = 64

/** Reads an operand through its index map into panels that the micro-kernel reads in order. */
interface Packing {
  readonly source: string
  readonly offset: Expr
  /** The axes side by side in a panel, and those along it. */
  readonly across: readonly { extent: number; stride: number }[]
  readonly along: readonly { extent: number; stride: number }[]
  readonly width: number
  readonly lanes: number
  readonly first: Expr
  readonly from: Expr
  readonly depth: Expr
  readonly whole: boolean
  readonly target: string
  readonly at: Expr
  readonly table: string
  /** The panel is this chunk's own and may be written a vector past its end. */
  readonly overrun: boolean
}

/** Neighbours in a panel that are neighbours in memory, whatever the panel: a divisor of the innermost run. */
function groupOf(
  across: readonly { extent: number; stride: number }[],
  width: number,
  lanes: number,
): number {
  const run = across.at(-1)
  if (run?.stride !== 1) return 1
  let group = 1
  while (group < lanes && run.extent % (group * 2) === 0 && width % (group * 2) === 0) group *= 2
  return group >= 2 ? group : 1
}

/** Whether all neighbours lie in one run of memory, at least a vector long. */
const isOneRun = (across: readonly { extent: number; stride: number }[], lanes: number): boolean =>
  across.length === 1 && across[0]!.stride === 1 && across[0]!.extent >= lanes

/** Σ (index / weight mod extent) · stride: where element `index` of the flattened axes lies. */
function offsetOf(axes: readonly { extent: number; stride: number }[], index: Expr): Expr {
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

/** Writes the loops of a packing. */
export function emitPacking(emitter: Emitter, packing: Packing): void {
  const { along, from, depth, whole } = packing
  const row = rowsOf(emitter, packing)
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

/** Copies one row of a panel from `shift`; `index` is its place in the panel. */
type Row = (shift: Expr, index: Expr) => void

/** The fewest copies a row: by groups, or by runs where the panel is private and may be written past. */
function rowsOf(emitter: Emitter, packing: Packing): Row {
  const { across, width, lanes, overrun } = packing
  const group = groupOf(across, width, lanes)
  const run = across.at(-1)
  const whole = overrun && width % lanes === 0 && group < lanes && run?.stride === 1
  if (!whole) return groupRow(emitter, packing, group)
  if (isOneRun(across, lanes)) return runRow(emitter, packing)
  const byRuns = (width / run.extent + 1) * Math.ceil(run.extent / lanes)
  return byRuns < width / group ? runsRow(emitter, packing) : groupRow(emitter, packing, group)
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
export const tableSize = (width: number): number => 3 * (width + 1)

/** Rows that lie in one piece, of any length: vectors, then single elements, then zeros. */
function runRow(
  emitter: Emitter,
  { source, offset, across, width, lanes, first, target, at }: Packing,
): Row {
  const start = emitter.name(add(offset, first))
  const edge = emitter.name(binary('min', i32(width), sub(i32(across[0]!.extent), first)))
  const even = emitter.name(sub(edge, binary('rem', edge, i32(lanes))))
  return (shift, index) => {
    const read = emitter.name(add(start, shift))
    const write = emitter.name(add(at, mul(index, i32(width))))
    const copy = (count: number) => (j: Expr) =>
      emitter.emit(store(target, add(write, j), load(source, 'f32', add(read, j), count)))
    emitter.loop('j', even, copy(lanes), { step: lanes })
    emitter.loop('j', edge, copy(1), { start: even })
    emitter.loop('j', i32(width), (j) => emitter.emit(store(target, add(write, j), f32(0))), {
      start: edge,
    })
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
        whole: true,
        target: memory(packed).buffer,
        at: emitter.name(mul(p, i32(k * tile.rows))),
        table: 'table',
        overrun: false,
      })
    },
    { start },
  )
  return {
    name,
    chunks: Math.ceil(total / each),
    scratch: [{ name: 'table', dtype: 'i32', size: tile.rows }],
    body: [
      comment(`pack the left operand of ${contraction.node.scope || 'a contraction'}`),
      ...emitter.finish(),
    ],
    flops: 0,
    bytes: 8 * batch * m * k,
    origin: 'pack',
  }
}
