import type { TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import type { Batch } from '../data/dataloader.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { culpritError, findCulprit, hasNonFinite } from './nan.ts'

/** Keeps the states as they were before each step, so that a step that went wrong can be made again. */
export class NanWatch {
  readonly #states: () => Tensor[]
  #before: TypedArray[] = []

  /** @param states All that a step reads and updates besides its batch. */
  constructor(states: () => Tensor[]) {
    this.#states = states
  }

  /** @throws BrickError `numeric` if the data are not finite. */
  async before([inputs]: Batch): Promise<void> {
    if (hasNonFinite(inputs.data)) {
      throw new BrickError({
        kind: 'numeric',
        where: 'data',
        wanted: 'finite inputs',
        got: 'NaN or ∞ in a batch',
        remedy: 'Clean the data, or check its normalisation.',
      })
    }
    this.#before = await Promise.all(this.#states().map((state) => state.data()))
  }

  /**
   * @param again Makes the step again, not compiled.
   * @throws BrickError `numeric` that names the operation, if the step made NaN or ∞.
   */
  async after(result: Tensor, again: () => Tensor, place: string): Promise<void> {
    const states = this.#states()
    const values = [result.data(), ...states.map((state) => state.data())]
    const isFine = (await Promise.all(values)).every((data) => !hasNonFinite(data))
    if (isFine) return
    await this.#putBack()
    for (const state of states) state.grad = undefined
    const culprit = findCulprit([again(), ...this.#states()])
    await this.#putBack()
    throw culpritError(culprit, place)
  }

  async #putBack(): Promise<void> {
    for (const [i, state] of this.#states().entries()) await state.load(this.#before[i]!)
  }
}
