import { type Tensor, variable } from '../../tensor/tensor.ts'

/** States that have once required a gradient: freezing one does not make a buffer of it. */
const known = new WeakSet<Tensor>()

/**
 * A state that is trained: a field of a module that holds one is found by `parameters()`.
 *
 * @example
 * ```ts
 * readonly scale = nn.parameter(ones([8]))
 * ```
 */
export function parameter(initial: Tensor): Tensor {
  const made = variable(initial, true)
  known.add(made)
  return made
}

/** Whether a state is (or was, before it was frozen) trained. */
export function isParameter(state: Tensor): boolean {
  if (state.isState && state.requiresGrad) known.add(state)
  return known.has(state)
}
