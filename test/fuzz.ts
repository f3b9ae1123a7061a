import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { BrickError } from '../src/base/errors.ts'

/** A reader, and whole files that it reads. */
export interface FuzzTarget {
  /** The file's name, which errors must give. */
  readonly file: string
  readonly seeds: readonly Uint8Array[]
  /** Reads, and uses what was read. */
  readonly read: (path: string, bytes: Uint8Array) => unknown
  /** Words of the format, to put in the wrong places. */
  readonly words?: readonly string[]
  /** Bytes of typed arrays that a case may take. Default 64 MB: the seeds are of kilobytes. */
  readonly memory?: number
  /** Cases. Default 200, or `BRICKWORK_FUZZ`. */
  readonly cases?: number
}

/** xorshift32: the same cases each time. */
class Dice {
  private state: number
  constructor(seed: number) {
    this.state = seed | 1
  }
  below(n: number): number {
    this.state ^= this.state << 13
    this.state ^= this.state >>> 17
    this.state ^= this.state << 5
    return (this.state >>> 0) % n
  }
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
}

type Change = (bytes: Buffer, dice: Dice, target: FuzzTarget) => Buffer

/** Numbers that lengths and counts go wrong at. */
const numbers = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]
const longs = [0n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 64n - 1n, 2n ** 40n]
const digits = [
  '0',
  '-1',
  '1.5',
  '1e9',
  '4294967296',
  '9007199254740993',
  '1e400',
  '99999999999999999999',
]

const splice = (bytes: Buffer, at: number, length: number, put: Uint8Array): Buffer =>
  Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + length)])

const changes: readonly Change[] = [
  // cut
  (bytes, dice) => bytes.subarray(0, dice.below(bytes.length + 1)),
  // a bit
  (bytes, dice) => flipped(bytes, dice.below(bytes.length), 1 << dice.below(8)),
  // a bit near the beginning, where headers are
  (bytes, dice) => flipped(bytes, dice.below(Math.min(64, bytes.length)), 1 << dice.below(8)),
  // a byte
  (bytes, dice) => flipped(bytes, dice.below(bytes.length), dice.below(256)),
  // a number of 4 bytes, in either order
  (bytes, dice) => {
    const put = Buffer.alloc(4)
    if (dice.below(2)) put.writeUInt32LE(dice.of(numbers))
    else put.writeUInt32BE(dice.of(numbers))
    return splice(bytes, dice.below(bytes.length), 4, put)
  },
  // a number of 8 bytes
  (bytes, dice) => {
    const put = Buffer.alloc(8)
    put.writeBigUInt64LE(dice.of(longs))
    return splice(bytes, dice.below(bytes.length), 8, put)
  },
  // the same twice, or not at all
  (bytes, dice) => {
    const at = dice.below(bytes.length)
    const piece = bytes.subarray(at, at + 1 + dice.below(64))
    return splice(
      bytes,
      at,
      dice.below(2) ? piece.length : 0,
      dice.below(2) ? piece : Buffer.alloc(0),
    )
  },
  // a piece of another place
  (bytes, dice) => {
    const from = dice.below(bytes.length)
    const piece = Buffer.from(bytes.subarray(from, from + 1 + dice.below(32)))
    return splice(bytes, dice.below(bytes.length), piece.length, piece)
  },
  // another number in a text
  (bytes, dice) => {
    const found = [...bytes.toString('latin1').matchAll(/\d+/g)]
    if (found.length === 0) return bytes
    const { index, 0: old } = dice.of(found)
    return splice(bytes, index, old.length, Buffer.from(dice.of(digits)))
  },
  // a word of the format
  (bytes, dice, { words = ['null', '{', '[]', '"'] }) => {
    const put = Buffer.from(dice.of(words), 'latin1')
    return splice(bytes, dice.below(bytes.length), dice.below(2) ? put.length : 0, put)
  },
]

function flipped(bytes: Buffer, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes)
  if (at < copy.length) copy[at]! ^= mask
  return copy
}

/** Milliseconds that a case may take; a busy machine is slow. */
const MOST_TIME = 5000

/**
 * Reads thousands of damaged files: each must be read or refused by a BrickError that names the file,
 * in time and without taking memory that the file's size does not explain.
 */
export async function fuzz(
  folder: string,
  target: FuzzTarget,
): Promise<{ refused: number; read: number }> {
  const count = Number(process.env['BRICKWORK_FUZZ'] ?? target.cases ?? 200)
  const dice = new Dice(createHash('sha256').update(target.file).digest().readUInt32LE(0))
  const path = join(folder, target.file)
  const outcomes = { refused: 0, read: 0 }
  for (let i = 0; i < count; i++) {
    let bytes = Buffer.from(dice.of(target.seeds))
    for (let n = 1 + dice.below(3); n > 0 && bytes.length > 0; n--) {
      bytes = Buffer.from(dice.of(changes)(bytes, dice, target))
    }
    writeFileSync(path, bytes)
    const place = `case ${i} of ${target.file}, ${bytes.length} bytes: ${bytes.subarray(0, 3000).toString('base64')}`
    outcomes[await outcome(target, path, bytes, place)]++
  }
  return outcomes
}

async function outcome(
  target: FuzzTarget,
  path: string,
  bytes: Uint8Array,
  place: string,
): Promise<'refused' | 'read'> {
  const before = process.memoryUsage().arrayBuffers
  const started = performance.now()
  let result: 'refused' | 'read' = 'read'
  try {
    await target.read(path, new Uint8Array(bytes))
  } catch (error) {
    checkError(error, target.file, place)
    result = 'refused'
  }
  expect(performance.now() - started, `time of ${place}`).toBeLessThan(MOST_TIME)
  const taken = process.memoryUsage().arrayBuffers - before
  expect(taken, `memory of ${place}`).toBeLessThan(target.memory ?? 64e6)
  return result
}

function checkError(error: unknown, file: string, place: string): void {
  if (!(error instanceof BrickError)) {
    throw new Error(`${(error as Error)?.stack ?? String(error)}\n${place}`)
  }
  expect(error.message, place).toContain(file)
  expect(error.kind, place).not.toBe('internal')
  expect(error.wanted ?? error.got, place).toBeTruthy()
  expect(error.message.length, place).toBeLessThan(20_000)
}
