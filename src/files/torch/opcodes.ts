import type { PickleMachine } from './machine.ts'
import { type PickleValue, Tuple } from './values.ts'

export type Handler = (machine: PickleMachine) => void

/** Digits of whole numbers: longer ones take a time that grows with their square. */
const MOST_BYTES = 1024

/**
 * All opcodes of Python's pickle, by code. Those without a handler are refused: they make objects
 * of classes (INST, OBJ, NEWOBJ, NEWOBJ_EX, EXT), are of protocols before 2, or need what a file
 * does not hold (buffers).
 *
 * Source: Python's `pickletools`.
 */
const rows: readonly (readonly [code: string, name: string, handler?: Handler])[] = [
  ['.', 'STOP', (m) => m.stop()],
  ['\x80', 'PROTO', checkProtocol],
  ['\x95', 'FRAME', (m) => m.uint64()],
  // constants
  ['N', 'NONE', (m) => m.push(null)],
  ['\x88', 'NEWTRUE', (m) => m.push(true)],
  ['\x89', 'NEWFALSE', (m) => m.push(false)],
  // numbers
  ['J', 'BININT', (m) => m.push(m.int32())],
  ['K', 'BININT1', (m) => m.push(m.byte())],
  ['M', 'BININT2', (m) => m.push(m.uint16())],
  ['\x8a', 'LONG1', (m) => m.push(wholeNumber(m.slice(m.byte())))],
  ['\x8b', 'LONG4', (m) => m.push(wholeNumber(m.slice(m.uint32())))],
  ['G', 'BINFLOAT', (m) => m.push(m.float64())],
  ['I', 'INT'],
  ['L', 'LONG'],
  ['F', 'FLOAT'],
  // texts and bytes
  ['X', 'BINUNICODE', (m) => m.push(text(m.slice(m.uint32())))],
  ['\x8c', 'SHORT_BINUNICODE', (m) => m.push(text(m.slice(m.byte())))],
  ['\x8d', 'BINUNICODE8', (m) => m.push(text(m.slice(m.uint64())))],
  // Python 2 has no other texts than these.
  ['U', 'SHORT_BINSTRING', (m) => m.push(latin(m.slice(m.byte())))],
  ['T', 'BINSTRING', (m) => m.push(latin(m.slice(m.uint32())))],
  ['C', 'SHORT_BINBYTES', (m) => m.push(m.slice(m.byte()))],
  ['B', 'BINBYTES', (m) => m.push(m.slice(m.uint32()))],
  ['\x8e', 'BINBYTES8', (m) => m.push(m.slice(m.uint64()))],
  ['\x96', 'BYTEARRAY8', (m) => m.push(m.slice(m.uint64()))],
  ['V', 'UNICODE'],
  ['S', 'STRING'],
  ['\x97', 'NEXT_BUFFER'],
  ['\x98', 'READONLY_BUFFER'],
  // lists
  [']', 'EMPTY_LIST', (m) => m.push([])],
  ['a', 'APPEND', (m) => append(m, [m.pop()])],
  ['e', 'APPENDS', (m) => append(m, m.popMark())],
  ['l', 'LIST', (m) => m.push(m.popMark())],
  // tuples
  [')', 'EMPTY_TUPLE', (m) => m.push(new Tuple([]))],
  ['t', 'TUPLE', (m) => m.push(new Tuple(m.popMark()))],
  ['\x85', 'TUPLE1', (m) => tuple(m, 1)],
  ['\x86', 'TUPLE2', (m) => tuple(m, 2)],
  ['\x87', 'TUPLE3', (m) => tuple(m, 3)],
  // dictionaries
  ['}', 'EMPTY_DICT', (m) => m.push(new Map())],
  ['s', 'SETITEM', (m) => setItems(m, [m.pop(), m.pop()].reverse())],
  ['u', 'SETITEMS', (m) => setItems(m, m.popMark())],
  ['d', 'DICT'],
  // sets, as lists
  ['\x8f', 'EMPTY_SET', (m) => m.push([])],
  ['\x90', 'ADDITEMS', (m) => append(m, m.popMark())],
  ['\x91', 'FROZENSET', (m) => m.push(m.popMark())],
  // the stack
  ['(', 'MARK', (m) => m.mark()],
  ['0', 'POP', (m) => m.pop()],
  ['1', 'POP_MARK', (m) => m.popMark()],
  ['2', 'DUP', (m) => m.push(m.top())],
  // the memo
  ['q', 'BINPUT', (m) => m.remember(m.byte())],
  ['r', 'LONG_BINPUT', (m) => m.remember(m.uint32())],
  ['\x94', 'MEMOIZE', (m) => m.remember()],
  ['h', 'BINGET', (m) => m.recall(m.byte())],
  ['j', 'LONG_BINGET', (m) => m.recall(m.uint32())],
  ['p', 'PUT'],
  ['g', 'GET'],
  // what could run code
  ['c', 'GLOBAL', (m) => m.find(m.line(), m.line())],
  ['\x93', 'STACK_GLOBAL', stackGlobal],
  ['R', 'REDUCE', (m) => m.call()],
  ['b', 'BUILD', (m) => m.build()],
  ['Q', 'BINPERSID', (m) => m.persist()],
  ['P', 'PERSID'],
  ['i', 'INST'],
  ['o', 'OBJ'],
  ['\x81', 'NEWOBJ'],
  ['\x92', 'NEWOBJ_EX'],
  ['\x82', 'EXT1'],
  ['\x83', 'EXT2'],
  ['\x84', 'EXT4'],
]

/** The names and handlers of {@link rows} by code. */
export const opcodes: ReadonlyMap<number, readonly [name: string, handler?: Handler]> = new Map(
  rows.map(([code, ...opcode]) => [code.charCodeAt(0), opcode]),
)

function checkProtocol(machine: PickleMachine): void {
  const protocol = machine.byte()
  if (protocol < 2 || protocol > 5) throw new Error(`protocol ${protocol}`)
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const latin = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

/** A whole number with a sign, the least significant byte first. */
function wholeNumber(bytes: Uint8Array): number | bigint {
  if (bytes.length > MOST_BYTES) throw new Error(`a number of ${bytes.length} bytes`)
  const digits = [...bytes].reverse().map((byte) => byte.toString(16).padStart(2, '0'))
  const value = bytes.length ? BigInt.asIntN(8 * bytes.length, BigInt(`0x${digits.join('')}`)) : 0n
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

function tuple(machine: PickleMachine, length: number): void {
  const items = Array.from({ length }, () => machine.pop())
  machine.push(new Tuple(items.reverse()))
}

function append(machine: PickleMachine, items: readonly PickleValue[]): void {
  const list = machine.top()
  if (!Array.isArray(list)) throw new Error('no list')
  for (const item of items) list.push(item)
}

function setItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const dictionary = machine.top()
  if (!(dictionary instanceof Map)) throw new Error('no dictionary')
  if (items.length % 2 === 1) throw new Error('a key without a value')
  for (let i = 0; i < items.length; i += 2) dictionary.set(items[i]!, items[i + 1]!)
}

function stackGlobal(machine: PickleMachine): void {
  const name = machine.pop()
  const module = machine.pop()
  if (typeof module !== 'string' || typeof name !== 'string') throw new Error('no names')
  machine.find(module, name)
}
