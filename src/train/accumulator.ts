import type { Gradients } from '../optim/optimizer.ts'
import { zeros } from '../tensor/create.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { type Tensor, variable } from '../tensor/tensor.ts'

/**
 * Gradients of several batches for one update: sums weighted by the batches' examples, so that an
 * update is the one that a single batch of all their examples would make. All of it is state, for
 * compiled steps and checkpoints.
 */
export class Accumulator {
  readonly #names: readonly string[]
  readonly #sums: readonly Tensor[]
  readonly #examples = variable(zeros([]))
  /** Parameters that have had a gradient. */
  readonly #touched = new Set<number>()

  constructor(parameters: readonly Tensor[], names: readonly string[]) {
    this.#names = names
    this.#sums = parameters.map(({ shape }) => variable(zeros(shape)))
  }

  /** Takes in the mean gradients of a batch. */
  add(gradients: Gradients, examples: number): void {
    noGrad(() => {
      this.#sums.forEach((sum, i) => {
        const g = gradients[i]
        if (!g) return
        this.#touched.add(i)
        sum.assign(sum.add(g.detach().mul(examples)))
      })
      this.#examples.assign(this.#examples.add(examples))
    })
  }

  /** The mean gradients of all batches, with this last one; the sums begin anew. */
  take(gradients: Gradients, examples: number): Gradients {
    return noGrad(() => {
      const share = this.#examples.add(examples).reciprocal()
      const means = this.#sums.map((sum, i) => {
        const g = gradients[i]
        return g && sum.add(g.detach().mul(examples)).mul(share)
      })
      this.#clear()
      return means
    })
  }

  /** The mean gradients of the batches so far, at least one; the sums begin anew. */
  takeRest(): Gradients {
    return noGrad(() => {
      const share = this.#examples.reciprocal()
      const means = this.#sums.map((sum, i) => (this.#touched.has(i) ? sum.mul(share) : undefined))
      this.#clear()
      return means
    })
  }

  #clear(): void {
    for (const sum of [...this.#sums, this.#examples]) sum.assign(zeros(sum.shape))
  }

  /** Finds out which parameters have had a gradient, after sums of an earlier run were loaded. */
  async lookAtSums(): Promise<void> {
    for (const [i, sum] of this.#sums.entries()) {
      if ((await sum.data()).some((value) => value !== 0)) this.#touched.add(i)
    }
  }

  /** The sums by the parameters' names. */
  get states(): Record<string, Tensor> {
    const entries = this.#sums.map((sum, i) => [this.#names[i]!, sum] as const)
    return { ...Object.fromEntries(entries), examples: this.#examples }
  }
}
