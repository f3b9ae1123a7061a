import type { ArrayView } from '../base/array.ts'
import type { Module } from '../nn/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** In front of the optimiser's names in a checkpoint: no state of a model can have it. */
const OPTIMIZER = 'optimizer/'

/** Arrays by name. */
export type Arrays = Map<string, ArrayView>

/** All states of a model and its optimiser, by the names they have in a checkpoint. */
export function statesOf(model: Module, optimizer: Optimizer): Map<string, Tensor> {
  const own = Object.entries(optimizer.stateDict())
  return new Map([
    ...Object.entries(model.stateDict()),
    ...own.map(([name, state]) => [OPTIMIZER + name, state] as const),
  ])
}

/** Copies of the states' contents. */
export async function copyOf(states: ReadonlyMap<string, Tensor>): Promise<Arrays> {
  const copies: Arrays = new Map()
  for (const [name, state] of states) {
    const { dtype, shape } = state
    copies.set(name, { dtype, shape, data: await state.data() } as ArrayView)
  }
  return copies
}

/** Puts copies back. The states are those that {@link copyOf} was given. */
export async function putBack(
  states: ReadonlyMap<string, Tensor>,
  copies: Pick<Arrays, 'get'>,
): Promise<void> {
  for (const [name, state] of states) {
    const copy = copies.get(name)
    if (copy) await state.load(copy.data)
  }
}

/** The model's part of a checkpoint. */
export function modelArrays(arrays: ReadonlyMap<string, ArrayView>): Arrays {
  return new Map([...arrays].filter(([name]) => !name.startsWith(OPTIMIZER)))
}

/** The optimiser's part of a checkpoint, by the optimiser's own names. */
export function optimizerArrays(arrays: ReadonlyMap<string, ArrayView>): Arrays {
  const own = [...arrays].filter(([name]) => name.startsWith(OPTIMIZER))
  return new Map(own.map(([name, array]) => [name.slice(OPTIMIZER.length), array]))
}
