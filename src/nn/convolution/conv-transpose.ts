import { type Pair, spatial } from '../../tensor/compose/contraction.ts'
import { convTranspose1d, convTranspose2d, convTranspose3d } from '../../tensor/functions.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { layerDefaults } from '../init/init.ts'
import { positiveSizes, refuseInput, refuseOption, requireChannels } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'

export interface ConvTransposeOptions {
  /** Distance between the places where neighbouring inputs are put (default 1). */
  readonly stride?: Pair
  /** Elements cut off on each side (default 0). */
  readonly padding?: Pair
  /** Elements added at the end only (default 0), to choose between sizes that give one input size. */
  readonly outputPadding?: Pair
  readonly dilation?: Pair
  readonly groups?: number
  readonly bias?: boolean
}

const functions = { 1: convTranspose1d, 2: convTranspose2d, 3: convTranspose3d } as const
const layouts = { 1: '[N, C, L]', 2: '[N, C, H, W]', 3: '[N, C, D, H, W]' } as const

/** The transpose of cross-correlation over `dims` spatial axes. See {@link ConvTranspose2d}. */
export abstract class TransposedConvolution extends Module {
  weight: Tensor
  bias: Tensor | undefined
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: readonly number[]
  readonly stride: readonly number[]
  readonly padding: readonly number[]
  readonly outputPadding: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
  private readonly dims: 1 | 2 | 3

  constructor(
    dims: 1 | 2 | 3,
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options: ConvTransposeOptions,
  ) {
    super()
    const where = new.target.name
    const { groups = 1, bias = true, stride = 1, dilation = 1 } = options
    requireChannels(where, inChannels, outChannels, groups)
    this.dims = dims
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.groups = groups
    this.kernelSize = positiveSizes(where, 'kernel', kernel, dims)
    this.stride = positiveSizes(where, 'stride', stride, dims)
    this.dilation = positiveSizes(where, 'dilation', dilation, dims)
    this.padding = spatial(options.padding ?? 0, dims, where, 'padding')
    this.outputPadding = spatial(options.outputPadding ?? 0, dims, where, 'outputPadding')
    this.requireReachable(where)
    const shape = [inChannels, outChannels / groups, ...this.kernelSize]
    const begin = layerDefaults(shape, bias, outChannels)
    this.weight = parameter(begin.weight)
    this.bias = begin.bias && parameter(begin.bias)
  }

  /** No convolution gives these sizes otherwise. */
  private requireReachable(where: string): void {
    const { outputPadding, stride, dilation } = this
    if (outputPadding.every((n, i) => n < Math.max(stride[i]!, dilation[i]!))) return
    throw refuseOption(
      where,
      `outputPadding = ${outputPadding}`,
      `less than the stride (${stride}) or the dilation (${dilation})`,
    )
  }

  forward(x: Tensor): Tensor {
    const { weight, bias, stride, padding, outputPadding, dilation, groups } = this
    if (x.rank !== this.dims + 2) throw refuseInput(x.shape, layouts[this.dims])
    if (x.shape[1] !== this.inChannels) {
      const got = `${x.shape[1]} in [${x.shape.join(', ')}]`
      throw refuseInput(x.shape, `${this.inChannels} input channels`, got)
    }
    const options = { stride, padding, outputPadding, dilation, groups }
    return functions[this.dims](x, weight, bias, options)
  }

  protected override describe(): string {
    const { inChannels, outChannels, kernelSize, stride } = this
    return `${inChannels}, ${outChannels}, kernelSize=(${kernelSize.join(', ')}), stride=(${stride.join(', ')})`
  }
}

/** The transpose of {@link Conv1d}: x [N, C, L]. Options as {@link ConvTranspose2d}'s. */
export class ConvTranspose1d extends TransposedConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options: ConvTransposeOptions = {},
  ) {
    super(1, inChannels, outChannels, kernel, options)
  }
}

/**
 * The transpose of {@link Conv2d} (also called deconvolution): each input element adds a multiple
 * of the kernel to the output, x [N, C, H, W] → [N, K, O, P] with
 * O = (H − 1)·stride − 2·padding + dilation·(R − 1) + outputPadding + 1.
 * `weight` [C, K/groups, R, S] and `bias` [K] begin as U(±1/√(K/groups·R·S)).
 *
 * Source: Zeiler et al., “Deconvolutional networks”, 2010.
 *
 * @throws BrickError `argument` for an outputPadding that no stride or dilation explains, `shape`
 * for another number of dims or channels.
 *
 * @example
 * ```ts
 * const up = new nn.ConvTranspose2d(8, 4, 3, { stride: 2, padding: 1, outputPadding: 1 })
 * up.forward(zeros([1, 8, 7, 7])).shape // [1, 4, 14, 14]
 * ```
 */
export class ConvTranspose2d extends TransposedConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options: ConvTransposeOptions = {},
  ) {
    super(2, inChannels, outChannels, kernel, options)
  }
}

/** The transpose of {@link Conv3d}: x [N, C, D, H, W]. Options as {@link ConvTranspose2d}'s. */
export class ConvTranspose3d extends TransposedConvolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options: ConvTransposeOptions = {},
  ) {
    super(3, inChannels, outChannels, kernel, options)
  }
}
