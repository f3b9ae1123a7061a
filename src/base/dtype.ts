/** Element types of tensors. `u8` and `bool` take one byte in memory, the others four. */
export type DType = 'f32' | 'i32' | 'u8' | 'bool'

export type TypedArray = Float32Array | Int32Array | Uint8Array

/** What is known of each element type; the only list of them. */
export const dtypes: {
  readonly [D in DType]: {
    readonly bytes: number
    readonly float: boolean
    readonly array: {
      new (length: number): TypedArray
      new (buffer: ArrayBufferLike, offset?: number, length?: number): TypedArray
    }
    readonly safetensors: string
  }
} = {
  f32: { bytes: 4, float: true, array: Float32Array, safetensors: 'F32' },
  i32: { bytes: 4, float: false, array: Int32Array, safetensors: 'I32' },
  u8: { bytes: 1, float: false, array: Uint8Array, safetensors: 'U8' },
  bool: { bytes: 1, float: false, array: Uint8Array, safetensors: 'BOOL' },
}

const order: readonly DType[] = ['bool', 'u8', 'i32', 'f32']

/** The type that holds both: bool < u8 < i32 < f32, as in PyTorch. */
export function promote(a: DType, b: DType): DType {
  return order.indexOf(a) >= order.indexOf(b) ? a : b
}
