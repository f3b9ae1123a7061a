import { BrickError } from '../../base/errors.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { refuseOption } from '../module/check.ts'
import { Module } from '../module/module.ts'

/**
 * Modules one after the other. They are named '0', '1', …, or by their keys.
 *
 * @example
 * ```ts
 * const model = new nn.Sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1))
 * model.at(0) // the first Linear
 * ```
 */
export class Sequential extends Module implements Iterable<Module> {
  private readonly layers: ReadonlyMap<string, Module>

  constructor(...layers: Module[])
  constructor(layers: Readonly<Record<string, Module>>)
  constructor(...layers: readonly (Module | Readonly<Record<string, Module>>)[]) {
    super()
    const [first] = layers
    const named = layers.length === 1 && first && !(first instanceof Module)
    this.layers = new Map(Object.entries(named ? first : { ...layers }) as [string, Module][])
    for (const [name, layer] of this.layers) {
      if (layer instanceof Module) continue
      throw refuseOption('Sequential', `'${name}' of type ${typeof layer}`, 'modules')
    }
  }

  forward(x: Tensor): Tensor {
    let y = x
    for (const layer of this.layers.values()) y = layer.forward(y)
    return y
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return this.layers
  }

  get length(): number {
    return this.layers.size
  }

  /** The module at a position (from the end if negative) or of a name. */
  at(index: number | string): Module {
    const layer =
      typeof index === 'string' ? this.layers.get(index) : [...this.layers.values()].at(index)
    if (layer) return layer
    throw new BrickError({
      kind: 'argument',
      where: 'Sequential.at',
      got: `${index}`,
      wanted: `one of ${[...this.layers.keys()].join(', ')}`,
    })
  }

  [Symbol.iterator](): Iterator<Module> {
    return this.layers.values()
  }
}
