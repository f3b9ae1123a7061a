import { type Pair, spatial } from '../../tensor/compose/contraction.ts'
import type { PadMode } from '../../tensor/compose/movement.ts'
import { conv1d, conv2d, conv3d } from '../../tensor/functions.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { layerDefaults } from '../init/init.ts'
import {
  positiveSizes,
  refuseInput,
  refuseOption,
  requireChannels,
  requireWord,
} from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'

export interface ConvOptions {
  /** Step between positions (default 1). */
  readonly stride?: Pair
  /**
   * Elements added on each side (default 0), or `same`: as many as keep the size, stride 1 only;
   * `valid`: none.
   */
  readonly padding?: Pair | 'same' | 'valid'
  /** Distance between the kernel's elements (default 1). */
  readonly dilation?: Pair
  /** Channels are split into so many groups that do not see each other (default 1). */
  readonly groups?: number
  readonly bias?: boolean
  /** What is added: `zeros` (default; also called `constant`), or the input reflected, repeated, wrapped. */
  readonly paddingMode?: PadMode | 'zeros'
}

const padModes: readonly PadMode[] = ['constant', 'reflect', 'replicate', 'circular']
const functions = { 1: conv1d, 2: conv2d, 3: conv3d } as const

/**
 * Cross-correlation over `dims` spatial axes. See {@link Conv2d}.
 */
export abstract class Convolution extends Module {
  weight: Tensor
  bias: Tensor | undefined
  readonly inChannels: number
  readonly outChannels: number
  readonly kernelSize: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly groups: number
  readonly paddingMode: PadMode
  /** Elements added before and after along each spatial axis. */
  readonly padding: readonly (readonly [before: number, after: number])[]
  private readonly dims: 1 | 2 | 3

  constructor(
    dims: 1 | 2 | 3,
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options: ConvOptions,
  ) {
    super()
    const where = new.target.name
    const { groups = 1, bias = true, paddingMode = 'zeros' } = options
    requireChannels(where, inChannels, outChannels, groups)
    this.dims = dims
    this.inChannels = inChannels
    this.outChannels = outChannels
    this.groups = groups
    this.paddingMode = paddingMode === 'zeros' ? 'constant' : paddingMode
    requireWord(where, 'paddingMode', this.paddingMode, padModes)
    this.kernelSize = positiveSizes(where, 'kernel', kernel, dims)
    this.stride = positiveSizes(where, 'stride', options.stride ?? 1, dims)
    this.dilation = positiveSizes(where, 'dilation', options.dilation ?? 1, dims)
    this.padding = this.paddingOf(where, options.padding ?? 0)
    const begin = layerDefaults([outChannels, inChannels / groups, ...this.kernelSize], bias)
    this.weight = parameter(begin.weight)
    this.bias = begin.bias && parameter(begin.bias)
  }

  private paddingOf(
    where: string,
    padding: Pair | 'same' | 'valid',
  ): (readonly [number, number])[] {
    if (padding !== 'same') {
      const amounts = spatial(padding === 'valid' ? 0 : padding, this.dims, where, 'padding')
      return amounts.map((n) => [n, n])
    }
    if (this.stride.some((s) => s !== 1)) {
      throw refuseOption(where, `padding = 'same' with stride ${this.stride}`, 'stride 1')
    }
    return this.kernelSize.map((size, i) => {
      const total = this.dilation[i]! * (size - 1)
      return [Math.floor(total / 2), Math.ceil(total / 2)]
    })
  }

  forward(x: Tensor): Tensor {
    this.check(x)
    const { weight, bias, stride, dilation, groups, padding, paddingMode } = this
    const even = paddingMode === 'constant' && padding.every(([before, after]) => before === after)
    const around = even ? x : x.pad([[0, 0], [0, 0], ...padding], paddingMode)
    const rest = even ? padding.map(([before]) => before) : 0
    return functions[this.dims](around, weight, bias, { stride, dilation, groups, padding: rest })
  }

  private check({ shape, rank }: Tensor): void {
    const layout = `[N, C, ${['L', 'H, W', 'D, H, W'][this.dims - 1]}]`
    if (rank !== this.dims + 2) {
      const single = rank === this.dims + 1 ? 'Add a batch dim with unsqueeze(0).' : undefined
      throw refuseInput(shape, `${layout}`, undefined, single)
    }
    if (shape[1] !== this.inChannels) {
      const got = `${shape[1]} in [${shape.join(', ')}]`
      throw refuseInput(shape, `${this.inChannels} input channels`, got)
    }
  }

  protected override describe(): string {
    const { inChannels, outChannels, kernelSize, stride, padding, dilation, groups, bias } = this
    const show = (name: string, values: readonly number[], usual: number) =>
      values.some((v) => v !== usual) ? `, ${name}=(${values.join(', ')})` : ''
    return [
      `${inChannels}, ${outChannels}, kernelSize=(${kernelSize.join(', ')})`,
      `, stride=(${stride.join(', ')})`,
      show(
        'padding',
        padding.map(([, after]) => after),
        0,
      ),
      show('dilation', dilation, 1),
      groups === 1 ? '' : `, groups=${groups}`,
      bias ? '' : ', bias=false',
    ].join('')
  }
}

/** Cross-correlation along a sequence: x [N, C, L] → [N, K, O]. Options as {@link Conv2d}'s. */
export class Conv1d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernel: Pair, options: ConvOptions = {}) {
    super(1, inChannels, outChannels, kernel, options)
  }
}

/**
 * Cross-correlation of images with K learnt filters:
 * y[n, k, o, p] = b[k] + Σ_{c, r, s} x[n, c, o·stride + r·dilation − padding, …] · w[k, c, r, s],
 * x [N, C, H, W] → y [N, K, O, P] with O = ⌊(H + 2·padding − dilation·(R − 1) − 1) / stride⌋ + 1.
 * `weight` [K, C/groups, R, S] and `bias` [K] begin as U(±1/√fanIn).
 *
 * @throws BrickError `shape` for another number of dims or channels, or a kernel that reaches
 * further than the padded input.
 *
 * @example
 * ```ts
 * new nn.Conv2d(1, 20, 5).forward(images) // [64, 1, 28, 28] → [64, 20, 24, 24]
 * ```
 */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernel: Pair, options: ConvOptions = {}) {
    super(2, inChannels, outChannels, kernel, options)
  }
}

/** Cross-correlation of volumes: x [N, C, D, H, W]. Options as {@link Conv2d}'s. */
export class Conv3d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernel: Pair, options: ConvOptions = {}) {
    super(3, inChannels, outChannels, kernel, options)
  }
}
