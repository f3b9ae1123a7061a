import type { TypedArray } from '../base/dtype.ts'
import { nextTurn } from '../device/wasm/threads.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Timers, signals and the terminal get their turn after so much time at the latest. */
const TURN_MS = 15
/** Of all pipelines: an epoch may be shorter than that. */
let lastTurn = performance.now()

/**
 * Results of steps that are under way. They are read a few steps late, so that the next step can
 * be prepared meanwhile, and in order.
 */
export class Pipeline<Note> {
  readonly #lag: number
  readonly #take: (values: TypedArray, note: Note) => Promise<void> | void
  readonly #waiting: { readonly result: Tensor; readonly note: Note }[] = []

  /**
   * @param lag Steps that may be under way.
   * @param take Is given each result, with what was said of its step, and waited for.
   */
  constructor(lag: number, take: (values: TypedArray, note: Note) => Promise<void> | void) {
    this.#lag = lag
    this.#take = take
  }

  async push(result: Tensor, note: Note): Promise<void> {
    this.#waiting.push({ result, note })
    while (this.#waiting.length > this.#lag) await this.#next()
    if (performance.now() - lastTurn > TURN_MS) {
      await nextTurn()
      lastTurn = performance.now()
    }
  }

  /** Waits for all that is under way. */
  async drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#next()
  }

  async #next(): Promise<void> {
    const { result, note } = this.#waiting.shift()!
    await this.#take(await result.data(), note)
  }
}
