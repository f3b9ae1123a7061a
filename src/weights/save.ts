import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import type { SafetensorsOptions } from '../files/safetensors.ts'
import { writeSafetensors } from '../files/tensor-file.ts'
import { entriesOf } from '../nn/module/mapping.ts'
import { Module } from '../nn/module/module.ts'
import type { GivenState } from '../nn/module/state-dict.ts'
import { Tensor } from '../tensor/tensor.ts'

export interface SaveOptions extends SafetensorsOptions {
  /** Texts that are kept beside the weights. */
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Writes a state as safetensors.
 *
 * @throws BrickError `argument` for a model in its states' place.
 */
export async function saveWeights(
  path: string,
  state: GivenState,
  { metadata, ...options }: SaveOptions = {},
): Promise<void> {
  if (state instanceof Module) {
    throw new BrickError({
      kind: 'argument',
      where: path,
      wanted: 'named arrays',
      got: 'a model',
      remedy: 'Pass its states: model.stateDict().',
    })
  }
  const arrays: [string, ArrayView][] = []
  for (const [name, value] of entriesOf(state)) {
    const { shape, dtype } = value
    const data = value instanceof Tensor ? await value.data() : value.data
    arrays.push([name, { dtype, shape, data } as ArrayView])
  }
  await writeSafetensors(path, arrays, metadata, options)
}
