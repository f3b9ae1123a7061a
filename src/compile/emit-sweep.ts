import { add, binary, i32, load, store, sub } from '../loop/build.ts'
import type { Expr, Scratch } from '../loop/ir.ts'
import { bindCopy, copiesOf } from './beside.ts'
import type { StageWriter } from './emit-stage.ts'
import type { Emitter } from './emitter.ts'
import { advance, identityOf, result, start } from './folds.ts'
import { between, exactly, type Known } from './known.ts'
import type { Layout } from './layout.ts'
import { countOf, type Fold, type Span } from './nest.ts'
import type { Sweep } from './sweep.ts'

/** Columns whose bounds may be known only at run time. */
export interface Columns {
  readonly start: Expr
  /** A multiple of vectors from `start` on. */
  readonly end: Expr
  /** What vectors leave over: if below `rest.end`, one more vector reaches back from there. */
  readonly rest?: { readonly end: Expr }
}

/** One vector of columns: where it begins, and where its sums are kept. */
interface Place {
  readonly column: Expr
  readonly known: Known
  readonly slot: Expr
}

/** Writes the folds of a nest along the rows that they read: see {@link Sweep}. */
export class SweepWriter {
  readonly sweep: Sweep
  private readonly outer: Layout
  private readonly inner: Layout
  private readonly stages: StageWriter
  private readonly emitter: Emitter

  constructor(sweep: Sweep, outer: Layout, inner: Layout, stages: StageWriter, emitter: Emitter) {
    this.sweep = sweep
    this.outer = outer
    this.inner = inner
    this.stages = stages
    this.emitter = emitter
  }

  /** Memory for the sums. */
  get scratch(): Scratch[] {
    return this.sweep.stage.folds.map(({ value }, i) => ({
      name: `sums${i}`,
      dtype: value.dtype === 'f32' ? 'f32' : 'i32',
      size: this.pitch * this.copies,
    }))
  }

  private get copies(): number {
    return copiesOf(this.outer)
  }

  /** Sums of one copy: those of all columns, and of one vector that reaches back. */
  private get pitch(): number {
    return this.sweep.width + this.outer.lanes
  }

  /** All stages for at most `width` columns. */
  write(columns: Columns): void {
    this.vectors(columns, (place) => this.clear(place))
    this.rounds(this.inner.spans, columns)
    this.vectors(columns, (place) => this.finish(place))
  }

  private clear(place: Place): void {
    for (let copy = 0; copy < this.copies; copy++)
      this.sweep.stage.folds.forEach((fold, i) => {
        const identity = identityOf(fold, this.outer.lanes)
        this.emitter.emit(store(`sums${i}`, this.slot(place, copy), identity))
      })
  }

  /** The loops of the folds, the innermost by as many rows as there are streams. */
  private rounds([span, ...rest]: readonly Span[], columns: Columns): void {
    const { emitter } = this
    const { loop } = this.inner
    const count = countOf(span!)
    if (rest.length > 0) {
      emitter.loop('r', i32(count), (r) => {
        emitter.bind({ loop, ...span!, value: r, vector: false })
        this.rounds(rest, columns)
      })
      return
    }
    const { streams } = this.sweep
    const even = count - (count % streams)
    const known = between(0, even - streams, streams)
    if (even > 0)
      emitter.loop('r', i32(even), (r) => this.rows(span!, r, known, streams, columns), {
        step: streams,
      })
    if (even < count)
      emitter.inline(() => this.rows(span!, i32(even), exactly(even), count - even, columns))
  }

  /** One pass over the columns, in which as many rows as `count` are folded. */
  private rows(span: Span, first: Expr, known: Known, count: number, columns: Columns): void {
    const { emitter } = this
    const { loop } = this.inner
    const { stage } = this.sweep
    const { depth } = emitter
    this.vectors(columns, (place) =>
      this.each((copy) => {
        const running = stage.folds.map((fold) => start(emitter, fold, emitter.lanes, 1))
        for (let i = 0; i < count; i++) {
          const value = add(first, i32(i))
          const at = { low: known.min + i, high: known.max + i }
          emitter.inline(() => {
            const row = { loop, ...span, value, vector: false, version: String(i) }
            emitter.bind({ ...row, known: between(at.low, at.high, count) }, depth)
            for (const fold of running) advance(emitter, fold, 0, stage.inner!, 0)
          })
        }
        running.forEach((fold, i) => {
          const index = emitter.name(this.slot(place, copy))
          const sum = binary(opOf(fold.fold), this.held(i, index), result(emitter, [fold]))
          emitter.emit(store(`sums${i}`, index, sum))
        })
      }),
    )
  }

  /** The stages after the folds. */
  private finish(place: Place): void {
    const { emitter } = this
    const { stage } = this.sweep
    this.each((copy) => {
      stage.folds.forEach(({ register }, i) => {
        emitter.define(register, emitter.name(this.held(i, this.slot(place, copy))))
      })
      this.stages.writeAfter(stage)
    })
  }

  private held(fold: number, index: Expr): Expr {
    const { value } = this.sweep.stage.folds[fold]!
    return load(`sums${fold}`, value.dtype === 'f32' ? 'f32' : 'i32', index, this.outer.lanes)
  }

  private readonly slot = ({ slot }: Place, copy: number): Expr => add(slot, i32(copy * this.pitch))

  /** `body` for all vectors of the columns. */
  private vectors({ start: from, end, rest }: Columns, body: (place: Place) => void): void {
    const { emitter } = this
    const { lanes, loop, spans } = this.outer
    const { low, high } = spans.at(-1)!
    const count = countOf({ low, high })
    const round = (place: Place) => {
      emitter.lanes = lanes
      emitter.bind({ loop, low, high, value: place.column, vector: true, known: place.known })
      body(place)
      emitter.lanes = 1
    }
    const known = between(0, count - lanes, lanes)
    emitter.loop('v', end, (v) => round({ column: v, known, slot: sub(v, from) }), {
      start: from,
      step: lanes,
    })
    if (!rest) return
    const back = { column: i32(count - lanes), known: exactly(count - lanes) }
    const slot = i32(this.sweep.width)
    emitter.loop('v', rest.end, () => round({ ...back, slot }), { start: end, step: lanes })
  }

  /** `body` for each of the rounds side by side, which use what they read in common. */
  private each(body: (copy: number) => void): void {
    for (let copy = 0; copy < this.copies; copy++) {
      this.emitter.inline(() => {
        bindCopy(this.emitter, this.outer, copy)
        body(copy)
      })
    }
  }
}

/** Folds that sweep have no positions. */
const opOf = ({ fold }: Fold): 'add' | 'mul' | 'max' => fold as 'add'
