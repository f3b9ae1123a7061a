import type { RandomAccess } from '../random-access.ts'
import type { ZipEntry, ZipFile } from '../zip.ts'
import { damaged } from './damaged.ts'
import { bytesOf } from './globals.ts'
import { GlobalValue, type PickleValue, type Storage, StorageValue, Tuple } from './values.ts'

/** The elements that tensors are views of. */
export interface Storages {
  readonly isBigEndian: boolean
  /** Bytes of a storage that is known to have them. */
  read(storage: Storage, from: number, length: number): Promise<Uint8Array>
}

/** What a pickle says of a storage: its type, name and number of elements. */
export function storageOf(id: PickleValue): Storage {
  const [tag, type, key, , count, view] = id instanceof Tuple ? id.items : []
  const isKnown = tag === 'storage' && type instanceof GlobalValue && 'storage' in type.global
  if (!isKnown || typeof key !== 'string' || !isCount(count)) {
    throw new Error('a persistent name of a storage')
  }
  const dtype = type.global.storage
  if (view === undefined || view === null) return { key, dtype, count, start: 0 }
  const [, offset, size] = view instanceof Tuple ? view.items : []
  if (!isCount(offset) || !isCount(size) || offset + size > count) {
    throw new Error('a part of a storage')
  }
  return { key, dtype, count: size, start: offset * bytesOf(dtype) }
}

export const bytesIn = ({ dtype, count }: Storage): number => count * bytesOf(dtype)

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Storages as entries of a zip file: `archive/data/0`. */
export class ZipStorages implements Storages {
  readonly isBigEndian: boolean
  private readonly zip: ZipFile
  private readonly prefix: string
  private readonly path: string

  constructor(zip: ZipFile, prefix: string, path: string, isBigEndian: boolean) {
    this.zip = zip
    this.prefix = prefix
    this.path = path
    this.isBigEndian = isBigEndian
  }

  /** A storage whose entry has its size. */
  readonly find = (id: PickleValue): PickleValue => {
    const storage = storageOf(id)
    const { size } = this.entry(storage)
    if (size === bytesIn(storage)) return new StorageValue(storage)
    const name = `${this.path}: ${this.prefix}data/${storage.key}`
    throw damaged(name, `${bytesIn(storage)} bytes`, `${size}`)
  }

  read(storage: Storage, from: number, length: number): Promise<Uint8Array> {
    return this.zip.readPart(this.entry(storage), storage.start + from, length)
  }

  private entry({ key }: Storage): ZipEntry {
    const entry = this.zip.entries.get(`${this.prefix}data/${key}`)
    if (entry) return entry
    throw damaged(this.path, `an entry ${this.prefix}data/${key}`, 'none')
  }
}

/** Storages behind the pickle, each after its number of elements. */
export class TailStorages implements Storages {
  readonly isBigEndian = false
  private readonly file: RandomAccess
  private readonly places = new Map<string, number>()
  /** Bytes of each storage as the pickle says it; of one of which it names parts alone, of the whole. */
  private readonly sizes = new Map<string, { count: number; bytes: number }>()

  constructor(file: RandomAccess) {
    this.file = file
  }

  readonly find = (id: PickleValue): PickleValue => {
    const storage = storageOf(id)
    const count = (id as Tuple).items[4] as number
    this.sizes.set(storage.key, { count, bytes: count * bytesOf(storage.dtype) })
    return new StorageValue(storage)
  }

  /**
   * Finds where storages lie.
   *
   * @param keys Their order.
   * @param start Where the first one begins.
   * @throws BrickError `file` if they are not there, or something else is.
   */
  async locate(keys: PickleValue, start: number): Promise<void> {
    const { path, size } = this.file
    let at = start
    for (const key of Array.isArray(keys) ? keys : []) {
      const known = typeof key === 'string' ? this.sizes.get(key) : undefined
      if (!known || typeof key !== 'string') {
        throw damaged(path, 'storages that tensors use', `'${String(key)}'`)
      }
      const view = new DataView((await this.file.read(at, 8)).buffer)
      const count = Number(view.getBigInt64(0, true))
      if (count !== known.count) {
        throw damaged(`${path}: storage ${key} at ${at}`, `${known.count} elements`, `${count}`)
      }
      this.places.set(key, at + 8)
      at += 8 + known.bytes
    }
    const lost = [...this.sizes.keys()].find((key) => !this.places.has(key))
    if (lost !== undefined) throw damaged(path, `a storage ${lost}`, 'none')
    if (at !== size) throw damaged(path, `${at} bytes`, `${size}`)
  }

  read({ key, start }: Storage, from: number, length: number): Promise<Uint8Array> {
    return this.file.read(this.places.get(key)! + start + from, length)
  }
}
