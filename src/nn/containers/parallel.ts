import { cat } from '../../tensor/functions.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseOption } from '../module/check.ts'
import { Module } from '../module/module.ts'

/** Branches by number, or by name. */
export type Branches = readonly Module[] | Readonly<Record<string, Module>>

abstract class Branching<Out> extends Module<[x: Tensor], Out> {
  private readonly branches: ReadonlyMap<string, Module>

  constructor(branches: Branches) {
    super()
    this.branches = new Map(Object.entries(branches) as [string, Module][])
    const odd = [...this.branches].find(([, branch]) => !(branch instanceof Module))
    if (odd) throw refuseOption(new.target.name, `'${odd[0]}' of type ${typeof odd[1]}`, 'modules')
    if (this.branches.size === 0) throw refuseOption(new.target.name, 'no branches', 'at least one')
  }

  protected outputs(x: Tensor): Tensor[] {
    return [...this.branches.values()].map((branch) => branch.forward(x))
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return this.branches
  }
}

/**
 * The same input to several branches: a list of their outputs, in their order. Branches are named
 * '0', '1', …, or by their keys.
 *
 * @example
 * ```ts
 * const [a, b] = new nn.Parallel([new nn.Linear(8, 3), new nn.Linear(8, 5)]).forward(input)
 * b.shape // [2, 5]
 * ```
 */
export class Parallel extends Branching<Tensor[]> {
  forward(x: Tensor): Tensor[] {
    return this.outputs(x)
  }
}

/**
 * The same input to several branches, their outputs one after the other along a dim (the channels,
 * unless told otherwise), as in an inception module.
 *
 * Source: Szegedy et al., “Going deeper with convolutions”, 2014.
 *
 * @throws BrickError `shape` if the outputs differ in another dim.
 *
 * @example
 * ```ts
 * new nn.Concat([new nn.Linear(8, 3), new nn.Identity()]).forward(input).shape // [2, 11]
 * ```
 */
export class Concat extends Branching<Tensor> {
  readonly dim: number

  constructor(branches: Branches, dim = 1) {
    super(branches)
    this.dim = dim
  }
  forward(x: Tensor): Tensor {
    return cat(this.outputs(x), this.dim)
  }
}
