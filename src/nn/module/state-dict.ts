import type { ArrayView } from '../../base/array.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/** A value to load into a state: a tensor, or an array as files hold them. */
export type StateValue = Tensor | ArrayView
/** States by name. */
export type StateDict = Record<string, Tensor>
/** What `loadStateDict` takes. */
export type GivenState = Readonly<Record<string, StateValue>> | ReadonlyMap<string, StateValue>
