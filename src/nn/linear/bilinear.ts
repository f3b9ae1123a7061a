import { einsum } from '../../tensor/functions.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { uniform } from '../init/init.ts'
import { refuseInput, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import type { LinearOptions } from './linear.ts'

/**
 * y_o = aᵀ · W_o · b + bias_o: a […, in1], b […, in2], weight [out, in1, in2], bias [out] →
 * […, out], like `torch.nn.functional.bilinear`.
 *
 * @throws BrickError `shape` for sizes that do not fit the weight, or different batches.
 */
export function bilinear(a: Tensor, b: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [out = 0, in1, in2] = weight.shape
  const batch = a.shape.slice(0, -1)
  const same = batch.length === b.rank - 1 && batch.every((n, i) => n === b.shape[i])
  if (weight.rank !== 3 || !same || a.shape.at(-1) !== in1 || b.shape.at(-1) !== in2) {
    const got = `[${a.shape.join(', ')}] and [${b.shape.join(', ')}]`
    throw refuseInput(a.shape, `[…, ${in1}] and […, ${in2}] of one batch`, got)
  }
  const rows = (x: Tensor, size: number) => x.reshape([-1, size])
  const half = einsum('ni,oij->noj', rows(a, in1!), weight)
  const y = half
    .mul(rows(b, in2!).unsqueeze(1))
    .sum(2)
    .reshape([...batch, out])
  return bias ? y.add(bias) : y
}

/**
 * {@link bilinear} with learnt weights: `weight` [out, in1, in2] and `bias` [out] begin as
 * U(±1/√in1).
 *
 * @example
 * ```ts
 * new nn.Bilinear(8, 8, 3).forward(input, input).shape // [2, 3]
 * ```
 */
export class Bilinear extends Module<[a: Tensor, b: Tensor]> {
  weight: Tensor
  bias: Tensor | undefined
  readonly in1Features: number
  readonly in2Features: number
  readonly outFeatures: number

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    { bias = true }: LinearOptions = {},
  ) {
    super()
    requireSizes('Bilinear', { in1Features, in2Features, outFeatures })
    this.in1Features = in1Features
    this.in2Features = in2Features
    this.outFeatures = outFeatures
    const bound = 1 / Math.sqrt(in1Features)
    this.weight = parameter(uniform([outFeatures, in1Features, in2Features], -bound, bound))
    this.bias = bias ? parameter(uniform([outFeatures], -bound, bound)) : undefined
  }

  forward(a: Tensor, b: Tensor): Tensor {
    return bilinear(a, b, this.weight, this.bias)
  }

  protected override describe(): string {
    const { in1Features, in2Features, outFeatures, bias } = this
    return `${in1Features}, ${in2Features}, ${outFeatures}${bias ? '' : ', bias=false'}`
  }
}
