import { sizeOf } from '../../base/shape.ts'
import { storedTypes } from '../stored-types.ts'
import {
  GlobalValue,
  type PickleGlobal,
  type PickleValue,
  StorageValue,
  TorchTensor,
  Tuple,
} from './values.ts'

type Unnamed<G> = G extends unknown ? Omit<G, 'name'> : never
type Call = (...args: PickleValue[]) => PickleValue

const calling = (call: Call): Unnamed<PickleGlobal> => ({ call: (args) => call(...args) })

/** PyTorch's kinds of storage and names of types, as {@link storedTypes} names them. */
const types: readonly [stored: string, storage: string | undefined, ...names: string[]][] = [
  ['F64', 'DoubleStorage', 'float64', 'double'],
  ['F32', 'FloatStorage', 'float32', 'float'],
  ['F16', 'HalfStorage', 'float16', 'half'],
  ['BF16', 'BFloat16Storage', 'bfloat16'],
  ['I64', 'LongStorage', 'int64', 'long'],
  ['I32', 'IntStorage', 'int32', 'int'],
  ['I16', 'ShortStorage', 'int16', 'short'],
  ['I8', 'CharStorage', 'int8'],
  ['U8', 'ByteStorage', 'uint8'],
  ['BOOL', 'BoolStorage', 'bool'],
  ['U64', undefined, 'uint64'],
  ['U32', undefined, 'uint32'],
  ['U16', undefined, 'uint16'],
]

/**
 * Everything that a checkpoint may name, and what it stands for; all else is refused. Functions here
 * are ours and make values; none of them runs anything of the file.
 */
export const globals: Readonly<Record<string, Unnamed<PickleGlobal>>> = {
  'collections.OrderedDict': calling(dictionary),
  'torch._utils._rebuild_tensor': calling((storage, offset, size, stride) =>
    tensor(storage, offset, size, stride),
  ),
  'torch._utils._rebuild_tensor_v2': calling((storage, offset, size, stride) =>
    tensor(storage, offset, size, stride),
  ),
  'torch._utils._rebuild_tensor_v3': calling((storage, offset, size, stride, _, __, dtype) =>
    tensor(storage, offset, size, stride, dtype),
  ),
  'torch._utils._rebuild_parameter': calling(parameter),
  'torch._utils._rebuild_parameter_with_state': calling(parameter),
  'torch.Size': calling((items = new Tuple([])) =>
    items instanceof Tuple ? items : new Tuple(itemsOf(items)),
  ),
  'torch.device': calling(device),
  'torch.storage.UntypedStorage': { storage: undefined },
  ...Object.fromEntries(
    types.flatMap(([stored, storage, ...names]) => [
      ...(storage ? [[`torch.${storage}`, { storage: stored }] as const] : []),
      ...names.map((name) => [`torch.${name}`, { dtype: stored }] as const),
    ]),
  ),
}

/**
 * An ordered dictionary, of a list of pairs if there is one (Python 2). The list is used up: one that
 * is named again and again must not be copied each time.
 */
function dictionary(pairs: PickleValue = []): PickleValue {
  if (!Array.isArray(pairs)) throw new Error('no list of pairs')
  return new Map(
    pairs.splice(0).map((pair) => {
      const [key, value] = itemsOf(pair)
      if (key === undefined || value === undefined) throw new Error('no pair')
      return [key, value]
    }),
  )
}

function device(kind?: PickleValue, index?: PickleValue): PickleValue {
  if (typeof kind !== 'string') throw new Error('no name of a device')
  return typeof index === 'number' ? `${kind}:${index}` : kind
}

function parameter(data?: PickleValue): PickleValue {
  if (data instanceof TorchTensor) return data
  throw new Error('no tensor')
}

/** A view of a storage whose last element is there. */
function tensor(
  storage?: PickleValue,
  offset?: PickleValue,
  size?: PickleValue,
  stride?: PickleValue,
  type?: PickleValue,
): TorchTensor {
  if (!(storage instanceof StorageValue)) throw new Error('no storage')
  const { storage: own } = storage
  const given =
    type instanceof GlobalValue && 'dtype' in type.global ? type.global.dtype : undefined
  const dtype = given ?? own.dtype
  if (dtype === undefined) throw new Error('no element type')
  const shape = counts(size)
  const strides = counts(stride)
  const [from] = counts(new Tuple([offset ?? null]))
  if (shape.length !== strides.length) throw new Error('a size and a stride that differ in length')
  const elements = sizeOf(shape)
  const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, from!)
  const held = (own.count * bytesOf(own.dtype)) / bytesOf(dtype)
  if (!Number.isSafeInteger(elements) || (elements > 0 && last >= held)) {
    throw new Error(`a view of ${elements} elements, the last at ${last}, in a storage of ${held}`)
  }
  return new TorchTensor(own, dtype, from!, shape, strides)
}

/** Bytes of an element; of a storage without a type, 1. */
export const bytesOf = (dtype: string | undefined): number =>
  dtype === undefined ? 1 : storedTypes[dtype]!.bytes

function itemsOf(value: PickleValue): readonly PickleValue[] {
  if (value instanceof Tuple) return value.items
  if (Array.isArray(value)) return value
  throw new Error('no tuple or list')
}

/** More axes than any tensor has. */
const MOST_AXES = 64

function counts(value: PickleValue | undefined): number[] {
  const items = itemsOf(value ?? null)
  if (items.length > MOST_AXES) throw new Error(`${items.length} axes`)
  return items.map((item) => {
    if (Number.isSafeInteger(item) && (item as number) >= 0) return item as number
    throw new Error('no count')
  })
}
