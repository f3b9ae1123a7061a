import { BrickError } from '../../base/errors.ts'
import { type Draft, type Message, type MessageName, messages } from './messages.ts'

/** Encodes and decodes messages. */
export interface Codec {
  /** @throws BrickError `file` for what is no such message. */
  decode<M extends MessageName>(name: M, bytes: Uint8Array, where: string): Message<M>
  encode<M extends MessageName>(name: M, message: Draft<M>): Uint8Array
}

let made: Promise<Codec> | undefined

/** The codec of {@link messages}; the protobuf library is loaded when it is first asked for. */
export function codec(): Promise<Codec> {
  made ??= makeCodec()
  return made
}

async function makeCodec(): Promise<Codec> {
  const { default: protobuf } = await import('protobufjs/light.js')
  const root = protobuf.Root.fromJSON({ nested: descriptors() })
  return {
    decode: <M extends MessageName>(name: M, bytes: Uint8Array, where: string) => {
      const type = root.lookupType(name)
      try {
        // The library refuses lengths that go past the end and more than 100 levels.
        const reader = protobuf.Reader.create(bytes)
        const whole = { int64: () => wholeNumber(reader), uint64: () => wholeNumber(reader, false) }
        // The library's own make an object of each number: fifty bytes for one in the file.
        const message = type.decode(Object.assign(reader, whole) as never)
        return type.toObject(message, { longs: Number, arrays: true }) as Message<M>
      } catch (cause) {
        throw malformed(where, bytes.length, cause)
      }
    },
    encode: (name, message) => {
      const type = root.lookupType(name)
      return type.encode(type.fromObject(message)).finish()
    },
  }
}

/** Where a reader is. */
interface Position {
  readonly buf: Uint8Array
  readonly len: number
  pos: number
}

/** A variable-length integer of up to 64 bits. Beyond 2⁵³ the nearest number. */
function wholeNumber(reader: Position, signed = true): number {
  const start = reader.pos
  let value = 0
  for (let k = 0; k < 10; k++) {
    if (reader.pos >= reader.len) {
      throw new RangeError(`index out of range: ${start} + ${k + 1} > ${reader.len}`)
    }
    const byte = reader.buf[reader.pos++]!
    value += k < 9 ? (byte & 127) * 2 ** (7 * k) : 0
    if (byte < 128) return k < 9 ? value : longest(reader.buf.subarray(start, reader.pos), signed)
  }
  throw new RangeError(`an integer of more than 10 bytes at ${start}`)
}

/** Ten bytes: a negative number, or one from 2⁶³ on. */
function longest(bytes: Uint8Array, signed: boolean): number {
  const bits = bytes.reduceRight((sum, byte) => (sum << 7n) | BigInt(byte & 127), 0n)
  return Number(signed ? BigInt.asIntN(64, bits) : BigInt.asUintN(64, bits))
}

type Descriptors = Record<string, { fields: Record<string, Field> }>
interface Field {
  readonly id: number
  readonly type: string
  readonly rule?: 'repeated'
}

/** The messages as the library describes them. */
function descriptors(): Descriptors {
  const entries = Object.entries(messages).map(([name, fields]) => [
    name,
    {
      fields: Object.fromEntries(
        Object.entries(fields).map(([field, [id, type]]) => [field, descriptor(id, type)]),
      ),
    },
  ])
  return Object.fromEntries(entries) as Descriptors
}

function descriptor(id: number, type: string): Field {
  return type.endsWith('[]') ? { id, type: type.slice(0, -2), rule: 'repeated' } : { id, type }
}

function malformed(where: string, size: number, cause: unknown): BrickError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new BrickError({
    kind: 'file',
    where,
    wanted: 'an ONNX file',
    got: `${size} bytes that are none: ${reason}`,
    remedy: 'The file is cut, damaged or something else: write or download it again.',
    cause,
  })
}
