import type { ArrayView } from '../../base/array.ts'
import { dtypes } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { showShape, sizeOf } from '../../base/shape.ts'
import { halfToNumber } from '../../files/half.ts'
import { codeName, type ElementType, elementType, elementTypeNames } from './element-types.ts'
import type { Message } from './messages.ts'

/** Numbers on the host with their type in the file. Integers beyond 2⁵³ are the nearest doubles. */
export interface HostArray {
  readonly type: ElementType
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array
}

const MOST = 2 ** 31 - 1

/**
 * The contents of a TensorProto. External data must have been put into its `rawData`.
 *
 * @throws BrickError `dtype` for a type that is not read, `file` if the data do not fill the shape.
 */
export function hostArray(proto: Message<'TensorProto'>, file: string): HostArray {
  const where = `${file}: tensor '${proto.name ?? ''}'`
  const type = typeOf(proto.dataType ?? 0, where)
  const shape = proto.dims
  const count = sizeOf(shape)
  if (shape.some((extent) => !Number.isSafeInteger(extent) || extent < 0) || count > MOST) {
    throw bad(where, `a shape of at most ${MOST} elements`, showShape(shape))
  }
  const { rawData } = proto
  if (rawData && rawData.length > 0) {
    const bytes = Math.ceil((count * type.bits) / 8)
    if (rawData.length !== bytes) {
      throw bad(where, `${bytes} bytes for ${type.name} ${showShape(shape)}`, `${rawData.length}`)
    }
    return { type, shape, data: type.decode(rawData, count, where) }
  }
  return { type, shape, data: typedField(proto, type, count, where) }
}

/** The type of a code. Throws a BrickError of kind `dtype` for one that is not read. */
export function typeOf(code: number, where: string): ElementType {
  const type = elementType(code)
  if (type) return type
  throw new BrickError({
    kind: 'dtype',
    where,
    got: codeName(code),
    wanted: `one of ${elementTypeNames.join(', ')}`,
    remedy: 'Convert the model to one of these types.',
  })
}

function typedField(
  proto: Message<'TensorProto'>,
  type: ElementType,
  count: number,
  where: string,
): Float32Array | Float64Array {
  const values = proto[type.field]
  const stored = type.bits === 4 ? Math.ceil(count / 2) : count
  if (values.length !== stored) {
    throw bad(where, `${stored} values in ${type.field}`, `${values.length}`)
  }
  if (type.bits === 4) return type.decode(Uint8Array.from(values), count, where)
  if (type.name === 'float') return Float32Array.from(values)
  if (type.name === 'float16') return Float32Array.from(values, halfToNumber)
  if (type.name === 'bfloat16') {
    return new Float32Array(Uint32Array.from(values, (bits) => bits << 16).buffer)
  }
  if (type.digits) return type.decode(Uint8Array.from(values), count, where)
  return Float64Array.from(values)
}

const bad = (where: string, wanted: string, got: string): BrickError =>
  new BrickError({
    kind: 'file',
    where,
    wanted,
    got,
    remedy: 'The file is damaged: write or download it again.',
  })

/** As tensors take it. Integers that don't fit in 32 bits become the nearest that do. */
export function arrayView({ type, shape, data }: HostArray): ArrayView {
  const { dtype } = type
  if (dtype === 'f32') {
    return { dtype, shape, data: data instanceof Float32Array ? data : Float32Array.from(data) }
  }
  const elements = new dtypes[dtype].array(data.length)
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!
    elements[i] = type.name === 'uint32' ? value : Math.max(-(2 ** 31), Math.min(MOST, value))
  }
  return { dtype, shape, data: elements } as ArrayView
}
