import type { Node } from '../graph/node.ts'
import { add, binary, comment, i32, load, mul, store, sub, variable, widen } from '../loop/build.ts'
import { type Arg, CHUNK, type Expr, type Kernel, type Scratch } from '../loop/ir.ts'
import { type Axis, type Contraction, extentOf, merged } from './contraction.ts'
import { type Cut, overrun, panelPitch } from './cut.ts'
import { Emitter, type Memory } from './emitter.ts'
import { microName } from './micro-kernel.ts'
import { strideIn, valuesOf, type Write } from './nest.ts'
import { batchOffset, emitPacking, tableSize } from './packing.ts'
import type { Loop } from './position.ts'

/** Multiply-adds that make a chunk worth handing to a thread, and the most chunks of a kernel. */
const CHUNK_WORK = 1 << 17
const MAX_CHUNKS = 64
/** Tiles of rows that share panels of b at least; and where that would leave fewer chunks than this. */
const SHARING = 32
const FEW_CHUNKS = 8
const SHARING_OF_FEW = 8
/** Depth of a panel of b, and how many lie side by side, so that they stay in the level-2 cache. */
const MAX_DEPTH = 512
const PANELS = 4

/** The register that the epilogue reads the sum of products from. */
export const SUM = 'sum'
/** The loop over parts of a split sum. */
export const PARTS: Loop = { name: 'part', extent: MAX_CHUNKS }

/** What the tiled kernel does with the sums: a write, as a function of the labels' loops. */
export interface Epilogue {
  readonly write: Write
}

/** The tiled kernel: panels of b packed on the way, micro-kernels, epilogue. */
export function emitTiled(
  contraction: Contraction,
  cut: Cut,
  packed: Node | undefined,
  epilogue: Epilogue,
  memory: Memory,
  name: string,
  origin: string,
): Kernel {
  return new TiledWriter(contraction, cut, packed, epilogue, memory).kernel(name, origin)
}

/** Where a micro-kernel puts its sums, and the elements between their rows. */
interface Place {
  readonly buffer: string
  readonly offset: Expr
  readonly step: Expr
}

type Range = readonly [start: Expr, end: Expr]

class TiledWriter {
  private readonly emitter: Emitter
  private readonly c: Contraction
  private readonly cut: Cut
  private readonly packed: string | undefined
  private readonly epilogue: Epilogue
  private readonly memory: Memory
  private readonly width: number
  private readonly blocks: number
  private readonly depth: number
  private readonly partDepth: number
  private panels = 1
  private offsets: { readonly left: Expr; readonly right: Expr; readonly panel: Expr } = {
    left: i32(0),
    right: i32(0),
    panel: i32(0),
  }

  constructor(
    contraction: Contraction,
    cut: Cut,
    packed: Node | undefined,
    epilogue: Epilogue,
    memory: Memory,
  ) {
    this.emitter = new Emitter(memory)
    this.c = contraction
    this.cut = cut
    this.packed = packed && memory(packed).buffer
    this.epilogue = epilogue
    this.memory = memory
    this.width = cut.tile.vectors * cut.tile.lanes
    this.partDepth = Math.ceil(cut.k / cut.parts)
    this.blocks = Math.ceil(this.partDepth / MAX_DEPTH)
    this.depth = Math.ceil(this.partDepth / this.blocks)
  }

  kernel(name: string, origin: string): Kernel {
    const { tile, m, n, k, batch, parts } = this.cut
    const rowTiles = Math.ceil(m / tile.rows)
    const columnTiles = Math.ceil(n / this.width)
    const wanted = Math.max(1, Math.min(MAX_CHUNKS, Math.round((m * n * k * batch) / CHUNK_WORK)))
    // Columns are shared out first; rows where columns don't suffice, for each group packs its own panels of b.
    const share = Math.max(1, Math.floor((batch * parts * columnTiles) / wanted))
    const per = Math.min(
      PANELS,
      columnTiles,
      Math.max(share, Math.min(PANELS, Math.ceil(columnTiles / 8))),
    )
    const columnGroups = Math.ceil(columnTiles / per)
    const others = batch * parts * columnGroups
    const rowGroups = Math.ceil(wanted / others)
    const sharing = others < FEW_CHUNKS ? SHARING_OF_FEW : SHARING
    const rowsEach = Math.ceil(
      rowTiles / Math.max(1, Math.min(rowGroups, Math.floor(rowTiles / sharing))),
    )
    const groups = Math.ceil(rowTiles / rowsEach)
    this.panels = per
    const e = this.emitter
    const chunk = variable(CHUNK)
    const group = e.name(binary('rem', chunk, i32(groups)))
    const rest = e.name(binary('div', chunk, i32(groups)))
    const column = e.name(binary('rem', rest, i32(columnGroups)))
    const outer = e.name(binary('div', rest, i32(columnGroups)))
    const index = e.name(binary('rem', outer, i32(batch)))
    const part = e.name(binary('div', outer, i32(batch)))
    const range = (which: Expr, each: number, limit: number): [Expr, Expr] => {
      const start = e.name(mul(which, i32(each)))
      return [start, e.name(binary('min', add(start, i32(each)), i32(limit)))]
    }
    const [firstColumn, endColumn] = range(column, per, columnTiles)
    const rows = range(group, rowsEach, rowTiles)
    const [fromDepth, endDepth] = range(part, this.partDepth, k)
    this.offsets = {
      left: e.name(batchOffset(this.c.batch, 0, this.c.a.at.constant, index)),
      right: e.name(batchOffset(this.c.batch, 1, this.c.b.at.constant, index)),
      panel: e.name(mul(index, i32(rowTiles))),
    }
    this.bindAxes(this.c.batch, index)
    e.bind({ loop: PARTS, low: 1, high: PARTS.extent, value: part, vector: false })
    this.block({ columns: [firstColumn, endColumn], rows, depth: [fromDepth, endDepth] })
    const scratch: Scratch[] = [
      {
        name: 'panel',
        dtype: 'f32',
        size:
          this.cut.pitch === undefined
            ? per * this.depth * this.width + overrun(this.width, tile.lanes)
            : 1,
      },
      {
        name: 'sums',
        dtype: 'f32',
        size: (this.blocks > 1 ? rowsEach * per : 1) * tile.rows * this.width,
      },
      { name: 'table', dtype: 'i32', size: tableSize(this.width, tile.lanes) },
    ]
    return {
      name,
      chunks: groups * columnGroups * batch * parts,
      scratch,
      body: [comment(origin), ...e.finish()],
      flops: 2 * m * n * k * batch,
      bytes: 4 * batch * (m * k + k * n + m * n),
      origin,
    }
  }

  /** A block of the output: for each block of k, pack b's panels and run over the tiles. */
  private block({
    columns,
    rows,
    depth: [from, end],
  }: { [side in 'columns' | 'rows' | 'depth']: Range }): void {
    const e = this.emitter
    const cell = this.cut.tile.rows * this.width
    const tiles = (body: (row: Expr, column: Expr, which: Expr) => void) =>
      e.loop(
        'm',
        rows[1],
        (row) => {
          e.loop('n', columns[1], (column) => body(row, column, e.name(sub(column, columns[0]))), {
            start: columns[0],
          })
        },
        { start: rows[0] },
      )
    const scratch = (offset: Expr): Place => ({ buffer: 'sums', offset, step: i32(this.width) })
    const sums = (row: Expr, which: Expr) =>
      e.name(mul(add(mul(sub(row, rows[0]), i32(this.panels)), which), i32(cell)))
    if (this.blocks === 1) {
      const depth = e.name(sub(end, from))
      this.pack(columns, from, depth)
      tiles((row, column, which) => {
        this.whole(column, row, {
          yes: (place) => this.micro(false, row, column, which, from, depth, place),
          no: () => {
            this.micro(false, row, column, which, from, depth, scratch(i32(0)))
            this.finish(row, column, i32(0))
          },
        })
      })
      return
    }
    const pass = (accumulate: boolean, start: Expr, depth: Expr) => {
      this.pack(columns, start, depth)
      tiles((row, column, which) => {
        const micro = (place: Place) =>
          this.micro(accumulate, row, column, which, start, depth, place)
        this.whole(column, row, { yes: micro, no: () => micro(scratch(sums(row, which))) })
      })
    }
    pass(false, from, i32(this.depth))
    e.loop(
      'k',
      end,
      (start) => {
        pass(true, start, e.name(binary('min', i32(this.depth), sub(end, start))))
      },
      { start: e.name(add(from, i32(this.depth))), step: this.depth },
    )
    tiles((row, column, which) => {
      this.whole(column, row, {
        no: () => this.finish(row, column, sums(row, which)),
      })
    })
  }

  /** Elements between rows of the output, if a tile's sums can go straight there: nothing follows them, rows and columns lie evenly. */
  private outputStep(): number | undefined {
    const { write } = this.epilogue
    const { m, n } = this.c
    if (write.value.kind !== 'register' || write.when || write.accumulate) return undefined
    const along = (axes: readonly Axis[]) =>
      merged(
        axes.map((axis) => {
          const stride = strideIn(write.at, axis.loop, axis.span) ?? 0
          return { ...axis, strides: [stride, stride] as const }
        }),
        0,
      )
    const [rows, columns] = [along(m), along(n)]
    const last = columns.at(-1)
    const together = columns.length === 1 || (last && last.extent % this.width === 0)
    if (rows.length !== 1 || last?.stride !== 1 || !together) return undefined
    return rows[0]!.stride > 0 ? rows[0]!.stride : undefined
  }

  /** What is done with a tile that goes straight to the output, and with one that does not. */
  private whole(
    column: Expr,
    row: Expr,
    { yes, no }: { yes?: (place: Place) => void; no: () => void },
  ): void {
    const e = this.emitter
    const step = this.outputStep()
    if (step === undefined) {
      no()
      return
    }
    const { tile, m, n } = this.cut
    const straight = () => {
      if (!yes) return
      this.bindAxes(this.c.n, e.name(mul(column, i32(this.width))))
      this.bindAxes(this.c.m, e.name(this.firstRow(row)))
      const { to, at } = this.epilogue.write
      const { base } = e.address(at)
      yes({ buffer: this.memory(to).buffer, offset: base, step: i32(step) })
    }
    const limits: Expr[] = []
    if (n % this.width !== 0) {
      limits.push(binary('lt', column, i32(Math.floor(n / this.width))))
    }
    // The last tile may reach back over rows of the one before, which must not be added to twice.
    if (m % tile.rows !== 0) {
      limits.push(binary('lt', row, i32(Math.floor(m / tile.rows))))
    }
    if (limits.length === 0) {
      e.emitAll(e.block(straight))
      return
    }
    const cond = limits.reduce((a, b) => binary('and', a, b))
    e.emit({ kind: 'if', cond, yes: e.block(straight), no: e.block(no) })
  }

  private pack(columns: Range, from: Expr, depth: Expr): void {
    if (this.cut.pitch !== undefined) return
    const e = this.emitter
    e.loop(
      'n',
      columns[1],
      (column) => {
        emitPacking(e, {
          source: this.memory(this.c.b.base).buffer,
          offset: this.offsets.right,
          across: merged(this.c.n, 1),
          along: merged(this.c.k, 1),
          width: this.width,
          lanes: this.cut.tile.lanes,
          first: e.name(mul(column, i32(this.width))),
          from,
          depth,
          deepest: this.depth,
          whole: this.blocks === 1 && this.cut.parts === 1,
          target: 'panel',
          at: e.name(mul(sub(column, columns[0]), i32(this.depth * this.width))),
          table: 'table',
        })
      },
      { start: columns[0] },
    )
  }

  /** The first row of a tile. Where rows are read in place, the last tile reaches back over the one before. */
  private firstRow(row: Expr): Expr {
    const { tile, m, direct } = this.cut
    const first = mul(row, i32(tile.rows))
    return direct ? binary('min', first, i32(m - tile.rows)) : first
  }

  /** The first column of a tile. Where columns are read in place, the last tile reaches back, too. */
  private firstColumn(column: Expr): Expr {
    const { n, pitch } = this.cut
    const first = mul(column, i32(this.width))
    return pitch === undefined ? first : binary('min', first, i32(n - this.width))
  }

  private micro(
    accumulate: boolean,
    row: Expr,
    column: Expr,
    which: Expr,
    from: Expr,
    depth: Expr,
    place: Place,
  ): void {
    const { tile, direct, pitch: along } = this.cut
    const axes = direct === 'columns' ? this.c.k : this.c.m
    const pitch = i32(merged(axes, 0)[0]?.stride ?? 0)
    const inOrder = (along: Expr, across: Expr) => add(mul(across, pitch), along)
    const panel = add(this.offsets.panel, row)
    const packed = add(mul(panel, i32(panelPitch(this.cut))), mul(from, i32(tile.rows)))
    const first = this.firstRow(row)
    const start = direct === 'columns' ? inOrder(first, from) : inOrder(from, first)
    const inPlace = add(this.offsets.left, start)
    const panelOffset = mul(which, i32(this.depth * this.width))
    const right = { kind: 'pointer', buffer: 'panel', offset: panelOffset } as const
    this.emitter.emit({
      kind: 'call',
      func: microName(this.cut, accumulate),
      args: [
        direct
          ? { kind: 'pointer', buffer: this.memory(this.c.a.base).buffer, offset: inPlace }
          : { kind: 'pointer', buffer: this.packed!, offset: packed },
        along === undefined ? right : this.columnsInPlace(column, from, along),
        { kind: 'pointer', buffer: place.buffer, offset: place.offset },
        { kind: 'value', value: depth },
        { kind: 'value', value: place.step },
        ...(direct ? [{ kind: 'value', value: pitch } as const] : []),
        ...(along !== undefined ? [{ kind: 'value', value: i32(along) } as const] : []),
      ],
    })
  }

  /** Columns of b where they lie. */
  private columnsInPlace(column: Expr, from: Expr, pitch: number): Arg {
    const offset = add(mul(from, i32(pitch)), this.firstColumn(column))
    const buffer = this.memory(this.c.b.base).buffer
    return { kind: 'pointer', buffer, offset: add(this.offsets.right, offset) }
  }

  private bindAxes(axes: readonly Axis[], index: Expr, vector = false): void {
    let weight = extentOf(axes)
    axes.forEach(({ loop, span, extent }, i) => {
      weight /= extent
      const shifted = binary('div', index, i32(weight))
      const value = this.emitter.name(i === 0 ? shifted : binary('rem', shifted, i32(extent)))
      this.emitter.bind({ loop, ...span, value, vector: vector && i === axes.length - 1 })
    })
  }

  /** Lanes of the epilogue: groups that never straddle the innermost axis and are contiguous in what they write. */
  private lanes(): number {
    const last = this.c.n.at(-1)
    if (!last) return 1
    const { write } = this.epilogue
    const values = valuesOf([{ folds: [], writes: [write] }])
    const positions = [
      write.at,
      ...values.flatMap((v) => (v.kind === 'load' || v.kind === 'position' ? [v.at] : [])),
    ]
    const strides = positions.map((position) => strideIn(position, last.loop, last.span))
    if (
      strides[0] !== 1 ||
      strides.includes(undefined) ||
      values.some((v) => v.kind === 'random' || v.kind === 'guard')
    ) {
      return 1
    }
    // A single axis has no rows to straddle: what full vectors leave over is done one by one.
    const { lanes } = this.cut.tile
    if (this.c.n.length === 1 && last.extent >= lanes) return lanes
    let group = 1
    while (group < lanes && last.extent % (group * 2) === 0) group *= 2
    return group
  }

  /** Hands the valid sums of one tile to the epilogue, but for what the tiles before have done. */
  private finish(row: Expr, column: Expr, sums: Expr): void {
    const e = this.emitter
    const { tile, m, n, direct, pitch } = this.cut
    const group = this.lanes()
    const firstRow = e.name(this.firstRow(row))
    const firstColumn = e.name(this.firstColumn(column))
    const doneRows = direct ? e.name(sub(mul(row, i32(tile.rows)), firstRow)) : i32(0)
    const done =
      pitch === undefined ? i32(0) : e.name(sub(mul(column, i32(this.width)), firstColumn))
    const rows = e.name(binary('min', i32(tile.rows), sub(i32(m), firstRow)))
    const columns = e.name(binary('min', i32(this.width), sub(i32(n), firstColumn)))
    const left = e.name(sub(columns, done))
    const vectors = e.name(sub(columns, binary('rem', left, i32(group))))
    const part = (lanes: number, start: Expr, end: Expr) =>
      e.loop(
        'j',
        end,
        (j) => {
          e.lanes = lanes
          this.bindAxes(this.c.n, e.name(add(firstColumn, j)), lanes > 1)
          e.loop(
            'i',
            rows,
            (i) => {
              this.bindAxes(this.c.m, e.name(add(firstRow, i)))
              const cell = add(sums, add(mul(i, i32(this.width)), j))
              e.define(SUM, e.name(load('sums', 'f32', cell, lanes)))
              const { to, at, value } = this.epilogue.write
              const { base } = e.address(at)
              const result = e.lower(value).value
              e.emit(store(this.memory(to).buffer, base, widen(result, lanes)))
            },
            { start: doneRows },
          )
          e.lanes = 1
        },
        { start, step: lanes },
      )
    part(group, done, vectors)
    if (n % group !== 0) part(1, vectors, columns)
  }
}
