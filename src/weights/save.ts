import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import type { SafetensorsOptions } from '../files/safetensors.ts'
import { writeSafetensors } from '../files/tensor-file.ts'
import { entriesOf } from '../nn/module/mapping.ts'
import { type AnyModule, Module } from '../nn/module/module.ts'
import type { GivenState } from '../nn/module/state-dict.ts'
import { Tensor } from '../tensor/tensor.ts'

export interface SaveOptions extends SafetensorsOptions {
  /** Texts that are kept beside the weights. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Writes a model's states, or named arrays, as safetensors.
 *
 * @throws BrickError `argument` for what is no path.
 */
export async function saveWeights(
  what: AnyModule | GivenState,
  path: string,
  { metadata, ...options }: SaveOptions = {},
): Promise<void> {
  if (typeof path !== 'string') {
    throw new BrickError({
      kind: 'argument',
      where: 'weights.save',
      wanted: 'a path after the model',
      got: typeof path,
      remedy: "Call weights.save(model, 'model.safetensors').",
    })
  }
  const state = what instanceof Module ? what.stateDict() : what
  const arrays: [string, ArrayView][] = []
  for (const [name, value] of entriesOf(state)) {
    const { shape, dtype } = value
    const data = value instanceof Tensor ? await value.data() : value.data
    arrays.push([name, { dtype, shape, data } as ArrayView])
  }
  await writeSafetensors(path, arrays, metadata, options)
}
