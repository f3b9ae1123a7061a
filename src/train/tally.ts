import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import { zeros } from '../tensor/create.ts'
import { cat } from '../tensor/functions.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Scores } from './history.ts'
import type { Metric } from './metrics.ts'
import { areTensors } from './outputs.ts'

/**
 * A loss: the mean over a batch's examples, [] (as `nn.crossEntropy`), of what the model returned: a
 * tensor, or several in a list or by name.
 */
export type LossFunction<Out = Tensor> = (output: Out, target: Tensor) => Tensor

/** A tally as JSON, so that an interrupted epoch goes on with the same sums. */
export interface TallyState {
  readonly examples: number
  readonly loss: number
  readonly sums: readonly (readonly number[])[]
}

/** What a metric packs: sums, or a row of numbers for each example. */
interface Part {
  readonly isRows: boolean
  /** Elements in all, or of a row. */
  readonly size: number
}

const elementsOf = ({ isRows, size }: Part, examples: number): number =>
  isRows ? size * examples : size

/**
 * Sums of loss and metrics over batches. {@link pack} makes them one small tensor inside a
 * compiled step, so that a step's results are read back at once.
 */
export class Tally {
  readonly #metrics: readonly Metric<unknown>[]
  #parts: Part[] = []
  #examples = 0
  #loss = 0
  #sums: number[][] = []

  constructor(metrics: readonly Metric<unknown>[]) {
    this.#metrics = metrics
  }

  get examples(): number {
    return this.#examples
  }

  /** [1 + elements of all metrics]: the mean loss, then the metrics' sums or rows. */
  pack(loss: Tensor | undefined, output: Tensor, target: Tensor): Tensor {
    const measured = this.#metrics.map((metric) => metric.measure(output, target).to('f32'))
    this.#parts = measured.map(({ size }, m) => {
      const isRows = this.#metrics[m]!.keeps === 'rows'
      return { isRows, size: isRows ? size / target.shape[0]! : size }
    })
    const parts = measured.map((values) => values.flatten())
    return cat([loss ? loss.reshape([1]) : zeros([1]), ...parts])
  }

  /** Elements that a step of so many examples packs. */
  sizeOf(examples: number): number {
    return this.#parts.reduce((sum, part) => sum + elementsOf(part, examples), 1)
  }

  /** Takes in what a step packed. Returns the batch's mean loss. */
  add(packed: ArrayLike<number>, examples: number): number {
    let at = 1
    this.#parts.forEach((part, m) => {
      const size = elementsOf(part, examples)
      this.#sums[m] ??= part.isRows ? [] : new Array<number>(size).fill(0)
      const own = this.#sums[m]!
      for (let i = 0; i < size; i++) {
        if (part.isRows) own.push(packed[at++]!)
        else own[i]! += packed[at++]!
      }
    })
    this.#examples += examples
    this.#loss += packed[0]! * examples
    return packed[0]!
  }

  /** Mean loss and each metric's result. */
  scores(): Scores {
    const numbers = this.results().filter((entry) => typeof entry[1] === 'number')
    return {
      loss: this.#loss / this.#examples,
      metrics: Object.fromEntries(numbers) as Record<string, number>,
    }
  }

  results(): [name: string, result: unknown][] {
    return this.#metrics.map((metric, m) => [
      metric.name,
      metric.result(this.#sums[m] ?? [], this.#examples),
    ])
  }

  /** Begins anew. */
  clear(): void {
    this.#examples = 0
    this.#loss = 0
    this.#sums = []
  }

  get state(): TallyState {
    return { examples: this.#examples, loss: this.#loss, sums: this.#sums.map((sum) => [...sum]) }
  }
  set state({ examples, loss, sums }: TallyState) {
    this.#examples = examples
    this.#loss = loss
    this.#sums = sums.map((sum) => [...sum])
  }
}

/** The loss of a batch, checked to be one number. */
export function lossOf(loss: LossFunction, output: Tensor, target: Tensor): Tensor {
  if (!areTensors(output)) throw noTensor('model.forward', output)
  const value = loss(output, target)
  if (!(value instanceof Tensor)) throw noTensor('loss', value)
  if (value.size === 1) return value
  throw new BrickError({
    kind: 'shape',
    where: 'loss',
    wanted: 'one number, the mean over the batch',
    got: showShape(value.shape),
    remedy: 'Reduce it with mean().',
  })
}

function noTensor(where: string, got: unknown): BrickError {
  return new BrickError({
    kind: 'argument',
    where,
    wanted: where === 'loss' ? 'a tensor as the result' : 'a tensor, or several, as the result',
    got: kindOf(got),
    remedy: 'Return the tensor itself, from a function that is not async.',
  })
}

function kindOf(got: unknown): string {
  if (got instanceof Promise) return 'a promise'
  if (typeof got !== 'object' || got === null) return typeof got
  const odd = Object.entries(got).find(([, part]) => !(part instanceof Tensor))
  return odd ? `'${odd[0]}' of type ${typeof odd[1]} among several` : 'several'
}
