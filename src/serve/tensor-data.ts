import { type Shape, showShape, sizeOf } from '../base/shape.ts'
import { binaryObjection, type Datatype, datatypeRecord, objection } from './datatypes.ts'
import { Refusal } from './refusal.ts'

/** A tensor's place in errors, and what it says of itself. */
export interface Declared {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: Shape
}

/**
 * The numbers of a JSON tensor, flat or nested as its shape says, as FP32.
 *
 * @throws Refusal 400 for a length that is not the shape's, and values that are none of the datatype.
 */
export function fromJson(data: readonly unknown[], tensor: Declared): Float32Array {
  const { shape } = tensor
  const record = datatypeRecord(tensor.datatype)
  const out = new Float32Array(sizeOf(shape))
  let at = 0
  const take = (value: unknown) => {
    const plain = tensor.datatype === 'BOOL' && typeof value === 'boolean' ? Number(value) : value
    const problem = objection(plain, record)
    if (problem !== undefined) throw badValue(tensor, at, problem)
    out[at++] = plain as number
  }
  /** `depth` is bounded by the shape's rank, whatever the client sends. */
  const walk = (list: readonly unknown[], depth: number) => {
    const isInner = depth === shape.length - 1
    if (list.length !== shape[depth]) throw badLength(tensor, depth, list.length)
    for (const item of list) {
      if (isInner) take(item)
      else if (Array.isArray(item)) walk(item, depth + 1)
      else throw badLength(tensor, depth + 1, 'no list')
    }
  }
  if (Array.isArray(data[0])) walk(data, 0)
  else {
    if (data.length !== out.length) throw badCount(tensor, data.length)
    data.forEach(take)
  }
  return out
}

/**
 * The numbers of a binary tensor (little-endian, row-major), as FP32.
 *
 * @throws Refusal 400 for a length that is not the shape's, and whole numbers that FP32 can't hold.
 */
export function fromBinary(bytes: Uint8Array, tensor: Declared): Float32Array {
  const record = datatypeRecord(tensor.datatype)
  const count = sizeOf(tensor.shape)
  if (bytes.length !== count * record.bytes) {
    throw new Refusal(400, {
      where: `input '${tensor.name}'`,
      got: `${bytes.length} bytes`,
      wanted: `${count * record.bytes} bytes for ${tensor.datatype} ${showShape(tensor.shape)}`,
      remedy: 'Send elements little-endian, row by row, and their number of bytes.',
    })
  }
  const out = new Float32Array(count)
  if (tensor.datatype === 'FP32' && isLittleEndian) {
    new Uint8Array(out.buffer).set(bytes)
    return out
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let i = 0; i < count; i++) {
    const value = record.read(view, i * record.bytes)
    const problem = binaryObjection(value, record)
    if (problem !== undefined) throw badValue(tensor, i, problem)
    out[i] = value
  }
  return out
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** FP32 as bytes, little-endian. */
export function toBinary(data: Float32Array): Uint8Array {
  if (isLittleEndian) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  const bytes = new Uint8Array(data.length * 4)
  const view = new DataView(bytes.buffer)
  data.forEach((value, i) => {
    view.setFloat32(i * 4, value, true)
  })
  return bytes
}

/** FP32 as JSON numbers: nine digits tell all of them apart. What is not finite becomes null. */
export function toJson(data: Float32Array): (number | null)[] {
  return Array.from(data, (value) => (Number.isFinite(value) ? Number(value.toPrecision(9)) : null))
}

function badValue({ name, datatype }: Declared, index: number, got: string): Refusal {
  const remedy = 'Send numbers of the datatype, or name another one.'
  const where = `input '${name}', element ${index}`
  return new Refusal(400, { where, got, wanted: datatype, remedy })
}

function badCount({ name, shape }: Declared, count: number): Refusal {
  return new Refusal(400, {
    where: `input '${name}'`,
    got: `${count} numbers`,
    wanted: `${sizeOf(shape)} for the shape ${showShape(shape)}`,
    remedy: 'Send all elements row by row, flat or nested as the shape says.',
  })
}

function badLength({ name, shape }: Declared, depth: number, got: number | string): Refusal {
  return new Refusal(400, {
    where: `input '${name}', nested lists of depth ${depth + 1}`,
    got: typeof got === 'number' ? `${got} items` : got,
    wanted: `${shape[depth]} items, since the shape is ${showShape(shape)}`,
    remedy: 'Send all elements row by row, flat or nested as the shape says.',
  })
}
