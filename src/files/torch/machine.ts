import { refused } from './damaged.ts'
import { globals } from './globals.ts'
import { GlobalValue, type PickleValue, Tuple } from './values.ts'

/** Thrown where a pickle goes on behind the bytes that are there. */
export class PickleEnd extends Error {}

/** What a pickle's persistent names stand for. */
export type Persistent = (id: PickleValue) => PickleValue

/**
 * The machine that a pickle is a program for, without what could run code: it makes plain values
 * and calls what `globals.ts` lists. What its methods throw is a BrickError for what is refused, a
 * {@link PickleEnd}, or an error that says what was wrong.
 */
export class PickleMachine {
  /** Where it is. */
  position: number
  /** The pickle's value, when it has ended. */
  result: PickleValue | undefined
  private readonly stack: PickleValue[] = []
  private readonly marks: number[] = []
  private readonly memo = new Map<number, PickleValue>()
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly persistent: Persistent

  constructor(bytes: Uint8Array, start: number, persistent: Persistent) {
    this.bytes = bytes
    this.position = start
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.persistent = persistent
  }

  // bytes ------------------------------------------------------------------------------------

  byte(): number {
    return this.view.getUint8(this.take(1))
  }
  uint16(): number {
    return this.view.getUint16(this.take(2), true)
  }
  int32(): number {
    return this.view.getInt32(this.take(4), true)
  }
  uint32(): number {
    return this.view.getUint32(this.take(4), true)
  }
  /** A length of 8 bytes. */
  uint64(): number {
    return Number(this.view.getBigUint64(this.take(8), true))
  }
  /** A number of 8 bytes, the most significant first. */
  float64(): number {
    return this.view.getFloat64(this.take(8), false)
  }
  /** Bytes that share the pickle's memory. */
  slice(length: number): Uint8Array {
    const from = this.take(length)
    return this.bytes.subarray(from, from + length)
  }
  /** Text up to the end of the line. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position)
    if (end < 0) throw new PickleEnd()
    const text = new TextDecoder().decode(this.slice(end - this.position))
    this.position++
    return text
  }

  /** Where so many bytes are. */
  private take(length: number): number {
    const from = this.position
    if (length > this.bytes.length - from) throw new PickleEnd()
    this.position += length
    return from
  }

  // the stack --------------------------------------------------------------------------------

  push(value: PickleValue): void {
    this.stack.push(value)
  }
  pop(): PickleValue {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new Error('an empty stack')
    return this.stack.pop()!
  }
  top(): PickleValue {
    if (this.stack.length === 0) throw new Error('an empty stack')
    return this.stack.at(-1)!
  }
  stop(): void {
    this.result = this.pop()
  }
  mark(): void {
    this.marks.push(this.stack.length)
  }
  /** Everything above the last mark. */
  popMark(): PickleValue[] {
    const mark = this.marks.pop()
    if (mark === undefined) throw new Error('no mark')
    return this.stack.splice(mark)
  }
  popTuple(): Tuple {
    const value = this.pop()
    if (value instanceof Tuple) return value
    throw new Error('no tuple')
  }

  // names ------------------------------------------------------------------------------------

  remember(index = this.memo.size): void {
    this.memo.set(index, this.top())
  }
  recall(index: number): void {
    const value = this.memo.get(index)
    if (value === undefined) throw new Error(`no value ${index} in the memo`)
    this.push(value)
  }

  /** What a name stands for, if it is one of ours. */
  find(module: string, name: string): void {
    const full = `${module}.${name}`
    const global = Object.hasOwn(globals, full) ? globals[full] : undefined
    if (!global) throw refused('pickle', `global '${full}'`)
    this.push(new GlobalValue({ name: full, ...global }))
  }

  call(): void {
    const { items } = this.popTuple()
    const callee = this.pop()
    if (callee instanceof GlobalValue && 'call' in callee.global) {
      this.push(callee.global.call(items))
      return
    }
    const name =
      callee instanceof GlobalValue ? `a call of '${callee.global.name}'` : 'a call of a value'
    throw refused('pickle', name)
  }

  /** State that is set on an object: only an ordered dictionary's attributes, which are dropped. */
  build(): void {
    this.pop()
    if (this.top() instanceof Map) return
    throw refused('pickle', 'opcode BUILD on what is no dictionary')
  }

  persist(): void {
    this.push(this.persistent(this.pop()))
  }
}
