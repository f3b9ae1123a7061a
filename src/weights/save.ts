import type { ArrayView } from '../base/array.ts'
import type { SafetensorsOptions } from '../files/safetensors.ts'
import { writeSafetensors } from '../files/tensor-file.ts'
import { entriesOf } from '../nn/module/mapping.ts'
import type { GivenState } from '../nn/module/state-dict.ts'
import { Tensor } from '../tensor/tensor.ts'

export interface SaveOptions extends SafetensorsOptions {
  /** Texts that are kept beside the weights. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** Writes a state as safetensors. */
export async function saveWeights(
  path: string,
  state: GivenState,
  { metadata, ...options }: SaveOptions = {},
): Promise<void> {
  const arrays: [string, ArrayView][] = []
  for (const [name, value] of entriesOf(state)) {
    const { shape, dtype } = value
    const data = value instanceof Tensor ? await value.data() : value.data
    arrays.push([name, { dtype, shape, data } as ArrayView])
  }
  await writeSafetensors(path, arrays, metadata, options)
}
