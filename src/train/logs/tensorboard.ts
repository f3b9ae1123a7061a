import { appendFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { ArrayView } from '../../base/array.ts'
import { fileError } from '../../files/errors.ts'
import type { EpochRecord } from '../history.ts'
import type { LayerStatistics } from '../layer-statistics.ts'
import { type EventContent, encodeEvent, histogramOf } from './event.ts'
import { recordOf } from './records.ts'

/** Of one process: several runs may begin within a second. */
let files = 0

/**
 * An event file for TensorBoard: `tensorboard --logdir runs`. Scalars have the tags `loss/train`,
 * `loss/validation`, `loss/step`, `accuracy/validation`, … and `lr`; steps are batches since the
 * run began. A resumed run writes another file beside the first, as TensorBoard expects it.
 */
export class TensorBoardLog {
  readonly #path: string
  #waiting: Uint8Array[] = []

  /** @param done Batches that are done already: what older files say of later ones is dropped. */
  constructor(folder: string, done: number) {
    const seconds = Math.floor(Date.now() / 1000)
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${files++}`
    this.#path = join(folder, name)
    this.#add(0, { kind: 'version' })
    if (done > 0) this.#add(done + 1, { kind: 'start' })
  }

  #add(step: number, content: EventContent): void {
    this.#waiting.push(recordOf(encodeEvent(Date.now() / 1000, step, content)))
  }

  /** A value at a batch. */
  scalar(step: number, tag: string, value: number | undefined): void {
    if (value !== undefined) this.#add(step, { kind: 'scalar', tag, value })
  }

  /** An epoch's scores and the weights after it. */
  epoch(step: number, record: EpochRecord, weights: ReadonlyMap<string, ArrayView>): void {
    for (const part of ['train', 'validation'] as const) {
      const scores = record[part]
      if (!scores) continue
      this.scalar(step, `loss/${part}`, scores.loss)
      for (const [name, value] of Object.entries(scores.metrics)) {
        this.scalar(step, `${name}/${part}`, value)
      }
    }
    this.scalar(step, 'lr', record.lr)
    for (const [name, { data }] of weights) {
      this.#add(step, { kind: 'histogram', tag: `weights/${name}`, histogram: histogramOf(data) })
    }
  }

  /** What a step looked like inside. */
  statistics(step: number, { activations, gradients }: LayerStatistics): void {
    for (const [kind, spreads] of Object.entries({ activations, gradients })) {
      for (const [name, spread] of Object.entries(spreads)) {
        for (const [what, value] of Object.entries(spread)) {
          this.scalar(step, `${kind}/${name}/${what}`, value)
        }
      }
    }
  }

  /**
   * Writes what has been logged.
   *
   * @throws BrickError `file`.
   */
  async flush(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      await appendFile(this.#path, Buffer.concat(waiting))
    } catch (error) {
      throw fileError('write', this.#path, error)
    }
  }
}
