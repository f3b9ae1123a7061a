import type { Shape } from '../base/shape.ts'
import type { AnyDataset, Batch } from '../data/dataloader.ts'
import type { Example } from '../data/dataset.ts'
import { checkLabels, checkOutputClasses, classesOf } from '../data/labels.ts'

/** Watches that labels are classes that the model has outputs for. */
export class ClassCheck {
  readonly #where: string
  /** Of the model's output; known when a step was made. */
  output: Shape = []
  #checked: AnyDataset<Example> | undefined

  /** @param where Who asks, for errors. */
  constructor(where: string) {
    this.#where = where
  }

  /**
   * Checks a batch; labels that lie in memory are checked once, all of them.
   *
   * @param step From 1.
   * @param isBroken Whether the loss was no number. Till then, a single column of outputs may be the
   * logits of a binary model.
   * @throws BrickError `argument` that says how many classes there are, the label and its example.
   */
  check(dataset: AnyDataset<Example>, [, targets]: Batch, step: number, isBroken = false): void {
    const classes = classesOf(targets, this.output)
    if (classes === undefined || (classes === 1 && !isBroken)) return
    const labels = 'labels' in dataset ? dataset.labels() : undefined
    if (!labels) checkOutputClasses(`${this.#where}: targets of step ${step}`, targets, classes)
    else if (this.#checked !== dataset) {
      checkLabels(`${dataset.name}: targets`, labels, classes, true)
    }
    this.#checked = dataset
  }
}
