import type { ArrayView } from '../../base/array.ts'
import type { TypedArray } from '../../base/dtype.ts'
import { BrickError } from '../../base/errors.ts'
import { type Shape, sizeOf, stridesOf } from '../../base/shape.ts'
import { gather } from '../../base/strided.ts'
import { swapped } from '../byte-order.ts'
import { type OpenTensors, type TensorInfo, unknownName } from '../open-tensors.ts'
import { RandomAccess } from '../random-access.ts'
import { storedTypes } from '../stored-types.ts'
import { ZipFile } from '../zip.ts'
import { type Contents, contentsOf, viewOf } from './contents.ts'
import { damaged } from './damaged.ts'
import { bytesOf } from './globals.ts'
import { PickleEnd } from './machine.ts'
import { unpickle } from './pickle.ts'
import { type Storages, TailStorages, ZipStorages } from './storages.ts'
import type { PickleValue, TorchTensor } from './values.ts'

export interface TorchOptions {
  /** The part of the checkpoint to take, dotted: `ema` or `optimizer.state`. */
  readonly key?: string
}

/** Bytes that say what a file is. */
export const START_BYTES = 512

/** A pickle of more bytes than this is none of a checkpoint: its numbers lie elsewhere. */
const MOST_PICKLED = 2 ** 28

/**
 * Opens a checkpoint that PyTorch's `torch.save` wrote (`.pt`, `.pth`, `.bin`), of version 1.6 and
 * later (a zip) or before. Tensors are read one by one when they are asked for, whatever their
 * strides; nothing in the file is run: what is no tensor or plain value is refused by name.
 *
 * If no value of the saved dictionary is a tensor itself, but 'state_dict', 'model_state_dict' or
 * 'model' (the first of them) holds tensors, it stands for the checkpoint. Dictionaries and lists
 * inside give dotted names; plain values of the outermost one are the metadata.
 *
 * @throws BrickError `file` that says what is malformed or refused, `unknown` for a part that is
 * not there.
 * @example
 * ```ts
 * const file = await openTorch('resnet18-f37072fd.pth')
 * const filters = await file.read('conv1.weight')
 * await file.close()
 * ```
 */
export async function openTorch(path: string, options: TorchOptions = {}): Promise<OpenTensors> {
  const file = await RandomAccess.open(path)
  try {
    const start = await file.read(0, Math.min(START_BYTES, file.size))
    const { root, storages } = await (isZip(start) ? openZip(file) : openLegacy(file, start))
    return new OpenTorch(file, contentsOf(root, path, options.key), storages)
  } catch (error) {
    await file.close()
    throw error
  }
}

const beginsWith = (bytes: Uint8Array, start: readonly number[]): boolean =>
  start.every((byte, i) => bytes[i] === byte)

export const isZip = (start: Uint8Array): boolean => beginsWith(start, [0x50, 0x4b, 3, 4])

/** Whether a file is a pickle of protocol 2 or later, as PyTorch wrote them before 1.6. */
export const isPickle = (start: Uint8Array): boolean => start[0] === 0x80 && start[1]! < 6

/** Whether a file is a tar file, as PyTorch wrote them before 0.1.10. */
export const isTar = (start: Uint8Array): boolean =>
  beginsWith(start.subarray(257), [0x75, 0x73, 0x74, 0x61, 0x72])

interface Opened {
  readonly root: PickleValue
  readonly storages: Storages
}

/** Whether a zip file is one of PyTorch's. */
export const pickleIn = (zip: ZipFile): string | undefined =>
  [...zip.entries.keys()].find((name) => /^([^/]+\/)?data\.pkl$/.test(name))

async function openZip(file: RandomAccess): Promise<Opened> {
  const { path } = file
  const zip = await ZipFile.open(file)
  const name = pickleIn(zip)
  if (name === undefined) throw damaged(path, 'a zip file with data.pkl', 'one without')
  const prefix = name.slice(0, -'data.pkl'.length)
  if (zip.entries.has(`${prefix}constants.pkl`)) throw isScript(path)
  const entry = zip.entries.get(name)!
  if (entry.size > MOST_PICKLED) {
    throw damaged(`${path}: ${name}`, `at most ${MOST_PICKLED} bytes`, `${entry.size}`)
  }
  const isBigEndian = (await orderOf(zip, prefix)) === 'big'
  const storages = new ZipStorages(zip, prefix, path, isBigEndian)
  const where = `${path}: ${name}`
  try {
    return { root: unpickle(await zip.read(entry), 0, where, storages.find).value, storages }
  } catch (error) {
    if (error instanceof PickleEnd) throw damaged(where, 'a whole pickle', `${entry.size} bytes`)
    throw error
  }
}

/** The byte order that a checkpoint says it has. */
async function orderOf(zip: ZipFile, prefix: string): Promise<string> {
  const entry = zip.entries.get(`${prefix}byteorder`)
  return entry && entry.size < 16 ? new TextDecoder().decode(await zip.read(entry)) : 'little'
}

function isScript(path: string): BrickError {
  return new BrickError({
    kind: 'file',
    where: path,
    wanted: 'tensors and plain values, without code',
    got: 'a TorchScript program',
    remedy: 'Save its tensors in PyTorch: torch.save(torch.jit.load(path).state_dict(), other).',
  })
}

/** 0x1950a86a20f9469cfc6c, the first thing that PyTorch wrote. */
const MAGIC = 119547037146038801333356n
const VERSION = 1001

/** Before PyTorch 1.6: five pickles (magic, version, system, value, keys), then the storages. */
async function openLegacy(file: RandomAccess, start: Uint8Array): Promise<Opened> {
  checkLegacy(file.path, start)
  const most = Math.min(file.size, MOST_PICKLED)
  for (let length = Math.min(2 ** 20, most); ; length = Math.min(8 * length, most)) {
    const storages = new TailStorages(file)
    try {
      const bytes = await file.read(0, length)
      const { root, keys, end } = parseLegacy(bytes, file.path, storages)
      await storages.locate(keys, end)
      return { root, storages }
    } catch (error) {
      // The pickles go on behind what was read.
      if (!(error instanceof PickleEnd)) throw error
      if (length === most) throw damaged(file.path, 'whole pickles', `${file.size} bytes`)
    }
  }
}

function parseLegacy(bytes: Uint8Array, path: string, storages: TailStorages) {
  let end = 0
  const next = (what: string): PickleValue => {
    const read = unpickle(bytes, end, `${path}: ${what}`, storages.find)
    end = read.end
    return read.value
  }
  if (next('magic number') !== MAGIC)
    throw damaged(path, "PyTorch's magic number", 'another pickle')
  if (next('version') !== VERSION) throw damaged(path, `version ${VERSION}`, 'another')
  next('system')
  const root = next('value')
  const keys = next('keys')
  return { root, keys, end }
}

function checkLegacy(path: string, start: Uint8Array): void {
  if (isPickle(start)) return
  const isOld = isTar(start)
  throw new BrickError({
    kind: 'file',
    where: path,
    wanted: 'a file that torch.save wrote',
    got: isOld ? 'a tar file, as PyTorch wrote them before 0.1.10' : 'other bytes',
    remedy: isOld
      ? 'Save it again in a newer PyTorch: torch.save(torch.load(path), other).'
      : 'The checkpoint is not whole: save or download it again.',
  })
}

class OpenTorch implements OpenTensors {
  readonly path: string
  readonly names: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  private readonly tensors: ReadonlyMap<string, TorchTensor>
  private readonly file: RandomAccess
  private readonly storages: Storages
  /** Arrays of tensors that have several names, which share one. */
  private readonly shared = new Map<string, Promise<ArrayView>>()
  private readonly uses = new Map<string, number>()

  constructor(file: RandomAccess, { tensors, metadata }: Contents, storages: Storages) {
    this.path = file.path
    this.names = [...tensors.keys()]
    this.metadata = metadata
    this.tensors = tensors
    this.file = file
    this.storages = storages
    for (const tensor of tensors.values()) {
      const view = viewOf(tensor)
      this.uses.set(view, (this.uses.get(view) ?? 0) + 1)
    }
  }

  info(name: string): TensorInfo {
    const { dtype, shape } = this.tensor(name)
    return { dtype, shape, bytes: sizeOf(shape) * bytesOf(dtype) }
  }

  async read(name: string): Promise<ArrayView> {
    const tensor = this.tensor(name)
    const view = viewOf(tensor)
    if (this.uses.get(view) === 1) return this.elements(tensor, name)
    const known = this.shared.get(view) ?? this.elements(tensor, name)
    this.shared.set(view, known)
    return known
  }

  close(): Promise<void> {
    return this.file.close()
  }

  private tensor(name: string): TorchTensor {
    return this.tensors.get(name) ?? unknownName(this, name)
  }

  private async elements(tensor: TorchTensor, name: string): Promise<ArrayView> {
    const { storage, dtype: stored, offset, shape, strides } = tensor
    const { bytes, dtype, decode } = storedTypes[stored]!
    const size = sizeOf(shape)
    const isPlain = isRowMajor(shape, strides)
    const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, 0)
    const count = isPlain || size === 0 ? size : last + 1
    const raw = await this.storages.read(storage, offset * bytes, count * bytes)
    const ordered = this.storages.isBigEndian ? swapped(raw, bytes) : raw
    const elements = decode(ordered, `${this.path}: ${name}`) as TypedArray
    const data = isPlain ? elements : gather(elements, shape, strides)
    return { dtype, shape, data } as ArrayView
  }
}

/** Whether elements lie in order without gaps; the stride of an axis of size 1 says nothing. */
function isRowMajor(shape: Shape, strides: readonly number[]): boolean {
  const plain = stridesOf(shape)
  return shape.every((extent, axis) => extent === 1 || strides[axis] === plain[axis])
}
