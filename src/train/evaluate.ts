import { BrickError } from '../base/errors.ts'
import { type AnyDataset, type Batch, DataLoader } from '../data/dataloader.ts'
import type { Example } from '../data/dataset.ts'
import type { Normalization } from '../data/normalize.ts'
import type { Module } from '../nn/module/module.ts'
import { compile } from '../tensor/compile.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { Tensor } from '../tensor/tensor.ts'
import { ClassCheck } from './class-check.ts'
import type { Metric } from './metrics.ts'
import { Pipeline } from './pipeline.ts'
import { type LossFunction, lossOf, Tally } from './tally.ts'

/** How a model passes over a dataset. */
export interface PassOptions {
  /** Examples at once. Default 256. */
  readonly batchSize?: number
  /** As in training. */
  readonly normalize?: Normalization | false
  /** Ends the work early, with a BrickError of kind `interrupted`. */
  readonly signal?: AbortSignal
}

/** `Out`: what the model returns, if it is not one tensor. */
export interface EvaluateOptions<Out = Tensor> extends PassOptions {
  /** Without one, the loss is 0. */
  readonly loss?: LossFunction<Out>
  readonly metrics?: readonly Metric<unknown, Out>[]
}

export interface Evaluation {
  readonly loss: number
  /** Each metric's result, by name. */
  readonly metrics: Readonly<Record<string, unknown>>
  readonly examples: number
}

/** Examples at once where nothing is learnt. */
export const EVALUATION_BATCH = 256
/** Batches whose results may be unread while the next ones are computed. */
export const LAG = 2

/** The arrays of a batch as tensors. */
export function tensorsOf([inputs, targets]: Batch): [inputs: Tensor, targets: Tensor] {
  return [
    Tensor.of(inputs.data, inputs.shape, inputs.dtype),
    Tensor.of(targets.data, targets.shape, targets.dtype),
  ]
}

/** Runs `body` with the model in evaluation mode, and puts each module back into its own. */
export async function evaluating<T>(model: Module, body: () => Promise<T>): Promise<T> {
  const modes = model.modules().map((module) => [module, module.training] as const)
  model.eval()
  try {
    return await body()
  } finally {
    for (const [module, mode] of modes) module.training = mode
  }
}

/** A compiled pass over datasets that measures, and changes nothing. */
export class Evaluator {
  readonly #model: Module
  readonly #options: EvaluateOptions
  readonly #tally: Tally
  readonly #classes = new ClassCheck('evaluation')
  readonly #step: (x: Tensor, y: Tensor) => Tensor

  constructor(model: Module, options: EvaluateOptions) {
    const { loss, metrics = [] } = options
    this.#model = model
    this.#options = options
    this.#tally = new Tally(metrics)
    this.#step = compile((x: Tensor, y: Tensor) =>
      noGrad(() => {
        const output = model.forward(x)
        if (output instanceof Tensor) this.#classes.output = output.shape
        return this.#tally.pack(loss && lossOf(loss, output, y), output, y)
      }),
    )
  }

  /** Measures one dataset. */
  async run(dataset: AnyDataset<Example>): Promise<Tally> {
    const { batchSize = EVALUATION_BATCH, normalize, signal } = this.#options
    const loader = new DataLoader(dataset, {
      batchSize,
      ...(normalize === undefined ? {} : { normalize }),
    })
    this.#tally.clear()
    let steps = 0
    const pipeline = new Pipeline<number>(LAG, (values, n) => void this.#tally.add(values, n))
    await evaluating(this.#model, async () => {
      for await (const batch of loader) {
        if (signal?.aborted) throw interrupted('evaluation')
        const result = this.#step(...tensorsOf(batch))
        this.#classes.check(dataset, batch, ++steps)
        await pipeline.push(result, batch[0].shape[0]!)
      }
      await pipeline.drain()
    })
    return this.#tally
  }
}

/** What an aborted signal is told as. */
export function interrupted(where: string): BrickError {
  return new BrickError({ kind: 'interrupted', where, got: 'the signal to stop' })
}

/**
 * Loss and metrics of a model on a dataset, in evaluation mode. Changes nothing.
 *
 * @throws BrickError as the model's and the metrics' operations do; `interrupted` by the signal.
 * @example
 * ```ts
 * const { loss, metrics: found } = await train.evaluate(model, test, {
 *   loss: nn.crossEntropy, metrics: [metrics.accuracy, metrics.confusion(10)],
 * })
 * ```
 */
export async function evaluate<Out = Tensor>(
  model: Module<[x: Tensor], Out>,
  dataset: AnyDataset<Example>,
  options: EvaluateOptions<Out>,
): Promise<Evaluation> {
  // What the model returns goes to loss and metrics as it is: only these know its type.
  const plain = [model as unknown as Module, options as unknown as EvaluateOptions] as const
  const tally = await new Evaluator(...plain).run(dataset)
  const { loss } = tally.scores()
  return { loss, metrics: Object.fromEntries(tally.results()), examples: tally.examples }
}
