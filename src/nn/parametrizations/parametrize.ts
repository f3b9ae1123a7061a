import { Tensor } from '../../tensor/tensor.ts'
import { refuseOption } from '../module/check.ts'
import { type AnyModule, Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'

/**
 * How a weight is computed from other states, each time that it is read. It is a module: its states
 * are saved and trained in the weight's place, under `parametrizations.NAME`, as in PyTorch.
 */
export abstract class Parametrization extends Module<[], Tensor> {
  /** The weight as it is now. */
  abstract override forward(): Tensor
  /** Changes the states so that the weight becomes this. */
  abstract set(weight: Tensor): void
}

type Fields = Record<string, unknown>

/** The parametrisations of a module by the names of the weights; they are parts of it. */
const partsOf = (module: AnyModule): Record<string, Parametrization> | undefined =>
  (module as unknown as Fields)['parametrizations'] as Record<string, Parametrization> | undefined

/** The tensor in a field of a module. */
export function weightOf(where: string, module: AnyModule, name: string): Tensor {
  const fields = module as unknown as Fields
  const names = Object.keys(module.namedParameters()).filter((own) => fields[own] instanceof Tensor)
  const value = fields[name]
  if (names.includes(name) && value instanceof Tensor) return value
  throw refuseOption(where, `'${name}'`, `one of its own parameters: ${names.join(', ') || 'none'}`)
}

/** Puts a parametrisation in the place of a weight. */
export function parametrize(module: AnyModule, name: string, part: Parametrization): void {
  const parts = partsOf(module) ?? {}
  Object.assign(module, { parametrizations: { ...parts, [name]: part } })
  part.training = module.training
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: false,
    get: () => part.forward(),
    set: (weight: Tensor) => part.set(weight),
  })
}

/**
 * Makes a plain parameter of a weight that {@link weightNorm} or {@link spectralNorm} computes; it
 * keeps its present value.
 *
 * @throws BrickError `argument` if that weight has no parametrisation.
 *
 * @example
 * ```ts
 * const layer = nn.weightNorm(new nn.Linear(8, 8))
 * nn.removeParametrization(layer)
 * Object.keys(layer.stateDict()) // ['weight', 'bias']
 * ```
 */
export function removeParametrization<M extends AnyModule>(module: M, name = 'weight'): M {
  const { [name]: part, ...rest } = partsOf(module) ?? {}
  if (!part) throw refuseOption('removeParametrization', `'${name}'`, 'a parametrised weight')
  const mode = part.training
  part.training = false
  const value = parameter(part.forward().detach())
  part.training = mode
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: true,
    writable: true,
    value,
  })
  if (Object.keys(rest).length > 0) Object.assign(module, { parametrizations: rest })
  else delete (module as unknown as Fields)['parametrizations']
  return module
}
