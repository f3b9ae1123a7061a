import { ones, zeros } from '../../tensor/create.ts'
import { type Tensor, variable } from '../../tensor/tensor.ts'
import { refuseInput, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import { type AffineOptions, batchNormEval, type NormalizedBatch } from './normalization.ts'

export interface BatchNormOptions {
  /** Added to the variance (default 1e-5). */
  readonly eps?: number
  /** Share of a batch in the running statistics (default 0.1); null: the plain mean of all batches. */
  readonly momentum?: number | null
  /** Whether weight and bias are learnt (default true). */
  readonly affine?: boolean
  /** Whether statistics are kept for evaluation (default true). */
  readonly trackRunningStats?: boolean
}

/** The names that PyTorch gives these states. */
const stateNames: Readonly<Record<string, string>> = {
  runningMean: 'running_mean',
  runningVar: 'running_var',
  numBatchesTracked: 'num_batches_tracked',
}

/** Statistics of channels that fade as batches come. See {@link BatchNorm2d}. */
export abstract class ChannelNorm extends Module {
  /** Factor of each channel. */
  weight: Tensor | undefined
  bias: Tensor | undefined
  /** Mean of each channel in the batches so far, fading. */
  readonly runningMean: Tensor | undefined
  /** Unbiased variance of each channel in the batches so far, fading. */
  readonly runningVar: Tensor | undefined
  readonly numBatchesTracked: Tensor | undefined
  readonly channels: number
  readonly eps: number
  readonly momentum: number | null
  private readonly layouts: readonly string[]

  constructor(layouts: readonly string[], channels: number, options: BatchNormOptions) {
    super()
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options
    requireSizes(new.target.name, { channels })
    this.layouts = layouts
    this.channels = channels
    this.eps = eps
    this.momentum = momentum
    this.weight = affine ? parameter(ones([channels])) : undefined
    this.bias = affine ? parameter(zeros([channels])) : undefined
    this.runningMean = trackRunningStats ? variable(zeros([channels])) : undefined
    this.runningVar = trackRunningStats ? variable(ones([channels])) : undefined
    this.numBatchesTracked = trackRunningStats ? variable(zeros([], 'i32')) : undefined
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this).map(([name, value]) => [stateNames[name] ?? name, value] as const)
  }

  forward(x: Tensor): Tensor {
    const ranks = this.layouts.map((layout) => layout.split(',').length)
    if (!ranks.includes(x.rank)) throw refuseInput(x.shape, this.layouts.join(' or '))
    if (x.shape[1] !== this.channels) {
      const got = `${x.shape[1]} in [${x.shape.join(', ')}]`
      throw refuseInput(x.shape, `${this.channels} channels`, got)
    }
    const { weight, bias, eps, runningMean, runningVar } = this
    if (!this.training && runningMean && runningVar) {
      return batchNormEval(x, runningMean, runningVar, { weight, bias, eps })
    }
    const batch = this.normalize(x, { weight, bias, eps })
    if (this.training) this.track(batch)
    return batch.output
  }

  /** x by its own statistics. */
  protected abstract normalize(x: Tensor, options: AffineOptions): NormalizedBatch

  /** Moves the running statistics towards the batch's. */
  private track({ mean, variance, count }: NormalizedBatch): void {
    const { runningMean, runningVar, numBatchesTracked } = this
    if (!runningMean || !runningVar || !numBatchesTracked) return
    numBatchesTracked.assign(numBatchesTracked.add(1))
    const share = this.momentum ?? numBatchesTracked.to('f32').reciprocal()
    const unbiased = variance.mul(count / (count - 1))
    runningMean.assign(towards(runningMean, mean, share))
    runningVar.assign(towards(runningVar, unbiased, share))
  }

  protected override describe(): string {
    const { channels, eps, momentum, weight, runningMean } = this
    return `${channels}, eps=${eps}, momentum=${momentum}, affine=${!!weight}, trackRunningStats=${!!runningMean}`
  }
}

/** old · (1 − share) + new · share. */
function towards(old: Tensor, fresh: Tensor, share: number | Tensor): Tensor {
  const rest = typeof share === 'number' ? 1 - share : share.neg().add(1)
  return old.mul(rest).add(fresh.mul(share))
}
