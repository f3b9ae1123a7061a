import type { Shape } from '../../base/shape.ts'

/** A run of elements in the file that tensors are views of. */
export interface Storage {
  /** Its name in the file. */
  readonly key: string
  /** Its element type, as {@link storedTypes} names it; undefined for one of bytes. */
  readonly dtype: string | undefined
  /** Elements; bytes for one without a type. */
  readonly count: number
  /** Bytes of the file's storage that stand before it. */
  readonly start: number
}

/** A tensor that is described, but not read. */
export class TorchTensor {
  readonly storage: Storage
  readonly dtype: string
  readonly offset: number
  readonly shape: Shape
  readonly strides: readonly number[]

  constructor(
    storage: Storage,
    dtype: string,
    offset: number,
    shape: Shape,
    strides: readonly number[],
  ) {
    this.storage = storage
    this.dtype = dtype
    this.offset = offset
    this.shape = shape
    this.strides = strides
  }
}

/** A tuple, of which a list must be told apart. */
export class Tuple {
  readonly items: readonly PickleValue[]
  constructor(items: readonly PickleValue[]) {
    this.items = items
  }
}

/** Something that a checkpoint may name: what it stands for is one of ours, never the file's. */
export type PickleGlobal =
  | { readonly name: string; readonly call: (args: readonly PickleValue[]) => PickleValue }
  /** A kind of storage; of bytes, if it says no element type. */
  | { readonly name: string; readonly storage: string | undefined }
  | { readonly name: string; readonly dtype: string }

/** What a restricted pickle can say. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Tuple
  | TorchTensor
  | StorageValue
  | GlobalValue
  | PickleValue[]
  | Map<PickleValue, PickleValue>

/** A storage on the stack. */
export class StorageValue {
  readonly storage: Storage
  constructor(storage: Storage) {
    this.storage = storage
  }
}

/** A global on the stack. */
export class GlobalValue {
  readonly global: PickleGlobal
  constructor(global: PickleGlobal) {
    this.global = global
  }
}
