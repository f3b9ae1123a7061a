import type { ArrayView } from '../base/array.ts'
import type { Module } from '../nn/module/module.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What a checkpoint holds besides the model, in front of its names: no state of a model has it. */
export type Part = 'optimizer' | 'ema' | 'accumulated'
const PARTS: readonly Part[] = ['optimizer', 'ema', 'accumulated']

/** Arrays by name. */
export type Arrays = Map<string, ArrayView>

/** States of a model and of what is kept beside it, by the names they have in a checkpoint. */
export function statesOf(
  model: Module,
  parts: Readonly<Partial<Record<Part, Readonly<Record<string, Tensor>>>>>,
): Map<string, Tensor> {
  const beside = Object.entries(parts).flatMap(([part, states]) =>
    Object.entries(states ?? {}).map(([name, state]) => [`${part}/${name}`, state] as const),
  )
  return new Map([...Object.entries(model.stateDict()), ...beside])
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
  const isBeside = (name: string) => PARTS.some((part) => name.startsWith(`${part}/`))
  return new Map([...arrays].filter(([name]) => !isBeside(name)))
}

/** Another part of a checkpoint, by its own names. */
export function arraysOf(arrays: ReadonlyMap<string, ArrayView>, part: Part): Arrays {
  const own = [...arrays].filter(([name]) => name.startsWith(`${part}/`))
  return new Map(own.map(([name, array]) => [name.slice(part.length + 1), array]))
}

/**
 * The model as it is to be used: with averaged weights, if the run keeps an average. Where each of
 * its names lies in a checkpoint of these names.
 */
export function servedNames(names: readonly string[]): Map<string, string> {
  const all = new Set(names)
  const isBeside = (name: string) => PARTS.some((part) => name.startsWith(`${part}/`))
  const own = names.filter((name) => !isBeside(name))
  return new Map(own.map((name) => [name, all.has(`ema/${name}`) ? `ema/${name}` : name]))
}

/** The arrays of {@link servedNames}. */
export function servedArrays(arrays: ReadonlyMap<string, ArrayView>): Arrays {
  const places = servedNames([...arrays.keys()])
  return new Map([...places].map(([name, place]) => [name, arrays.get(place)!]))
}
