import { type ValueType, valueTypes } from './opcodes.ts'

/** A growing array of bytes, with the encodings of WebAssembly's binary format. */
export class Bytes {
  #data = new Uint8Array(256)
  length = 0

  #reserve(count: number): number {
    const at = this.length
    this.length += count
    if (this.length > this.#data.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#data.length * 2))
      larger.set(this.#data)
      this.#data = larger
    }
    return at
  }

  byte(value: number): this {
    const at = this.#reserve(1)
    this.#data[at] = value
    return this
  }

  /** Unsigned LEB128. */
  u32(value: number): this {
    let rest = value >>> 0
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    return this.byte(rest)
  }

  /** Signed LEB128. */
  i32(value: number): this {
    let rest = value | 0
    while (rest < -0x40 || rest > 0x3f) {
      this.byte((rest & 0x7f) | 0x80)
      rest >>= 7
    }
    return this.byte(rest & 0x7f)
  }

  /** Four bytes, IEEE 754, little endian. */
  f32(value: number): this {
    return this.bytes(new Uint8Array(Float32Array.of(value).buffer))
  }

  bytes(values: ArrayLike<number>): this {
    const at = this.#reserve(values.length)
    this.#data.set(values, at)
    return this
  }

  append(other: Bytes): this {
    return this.bytes(other.view())
  }

  /** Length in bytes, then the bytes. */
  sized(other: Bytes): this {
    return this.u32(other.length).append(other)
  }

  name(text: string): this {
    const encoded = new TextEncoder().encode(text)
    return this.u32(encoded.length).bytes(encoded)
  }

  /** An instruction, as `opcodes.ts` numbers them. */
  op(code: number): this {
    return code < 0x100 ? this.byte(code) : this.byte(code >> 16).u32(code & 0xffff)
  }

  /** What has been written so far; valid until the next write. */
  view(): Uint8Array {
    return this.#data.subarray(0, this.length)
  }
}

export interface WasmFunction {
  /** For profilers and stack traces. */
  readonly name: string
  readonly exportAs?: string
  /** No function returns a value. */
  readonly params: readonly ValueType[]
  readonly locals: readonly ValueType[]
  /** Instructions, without the closing `end`. */
  readonly code: Bytes
}

export interface MemoryImport {
  readonly shared: boolean
  /** In pages of 64 KiB: an upper bound for the memory that is imported. */
  readonly maxPages: number
}

const Section = { custom: 0, type: 1, import: 2, function: 3, export: 7, code: 10 } as const
const END = 0x0b

/** A module that imports `env.memory` and holds these functions. */
export function assemble(memory: MemoryImport, functions: readonly WasmFunction[]): Uint8Array {
  const signatures = [...new Set(functions.map(signatureOf))]
  const out = new Bytes().bytes([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
  const section = (id: number, body: Bytes): Bytes => out.byte(id).sized(body)
  section(
    Section.type,
    vector(signatures, (to, it) => writeSignature(to, it)),
  )
  section(Section.import, memoryImport(memory))
  section(
    Section.function,
    vector(functions, (to, it) => to.u32(signatures.indexOf(signatureOf(it)))),
  )
  section(Section.export, exportsOf(functions))
  section(
    Section.code,
    vector(functions, (to, it) => to.sized(bodyOf(it))),
  )
  section(Section.custom, names(functions))
  return out.view().slice()
}

function vector<T>(items: readonly T[], write: (to: Bytes, item: T) => unknown): Bytes {
  const out = new Bytes().u32(items.length)
  for (const item of items) write(out, item)
  return out
}

const signatureOf = ({ params }: WasmFunction): string => params.join(',')

function writeSignature(to: Bytes, signature: string): void {
  const params = signature === '' ? [] : (signature.split(',') as ValueType[])
  to.byte(0x60).u32(params.length)
  for (const type of params) to.byte(valueTypes[type])
  to.u32(0)
}

function memoryImport({ shared, maxPages }: MemoryImport): Bytes {
  const limits = new Bytes().byte(shared ? 0x03 : 0x01).u32(1)
  return new Bytes().u32(1).name('env').name('memory').byte(0x02).append(limits.u32(maxPages))
}

function exportsOf(functions: readonly WasmFunction[]): Bytes {
  const exported = functions.flatMap(({ exportAs }, index) =>
    exportAs === undefined ? [] : [{ exportAs, index }],
  )
  return vector(exported, (to, it) => to.name(it.exportAs).byte(0x00).u32(it.index))
}

function bodyOf({ locals, code }: WasmFunction): Bytes {
  const runs: { type: ValueType; count: number }[] = []
  for (const type of locals) {
    const last = runs.at(-1)
    if (last?.type === type) last.count++
    else runs.push({ type, count: 1 })
  }
  const out = vector(runs, (to, { type, count }) => to.u32(count).byte(valueTypes[type]))
  return out.append(code).byte(END)
}

/** The name section: subsection 1 names the functions. */
function names(functions: readonly WasmFunction[]): Bytes {
  const entries = functions.map(({ name }, index) => ({ name, index }))
  const list = vector(entries, (to, it) => to.u32(it.index).name(it.name))
  return new Bytes().name('name').byte(1).sized(list)
}
