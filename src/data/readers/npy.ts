import { zipSync } from 'fflate'
import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { showShape, sizeOf } from '../../base/shape.ts'
import { rowMajor } from '../../base/strided.ts'
import { writeAtomically } from '../../files/atomic.ts'
import { swapped } from '../../files/byte-order.ts'
import { type ByteSource, heldBytes, RandomAccess } from '../../files/random-access.ts'
import { type StoredType, storedTypes } from '../../files/stored-types.ts'
import { ZipFile } from '../../files/zip.ts'

/** NumPy's kinds and sizes as the types of {@link storedTypes}. */
const kinds: Readonly<Record<string, string>> = {
  f8: 'F64',
  f4: 'F32',
  f2: 'F16',
  i8: 'I64',
  u8: 'U64',
  i4: 'I32',
  u4: 'U32',
  i2: 'I16',
  u2: 'U16',
  i1: 'I8',
  u1: 'U8',
  b1: 'BOOL',
}

/** As many axes as NumPy has. */
const MOST_AXES = 64

interface Header {
  readonly type: StoredType
  readonly isBigEndian: boolean
  readonly isFortran: boolean
  readonly shape: readonly number[]
  readonly start: number
}

/**
 * Reads NumPy's .npy: f32, i32, u8 and bool stay as they are, other floats become f32 and other
 * integers i32. Both byte orders and both orders of axes are read.
 *
 * Source: NumPy's `lib/format`, versions 1 to 3.
 *
 * @param where The file's name, for errors.
 * @throws BrickError `file` that says what is malformed; nothing is allocated before the lengths
 * are checked.
 * @example
 * ```ts
 * const bytes = serializeNpy({ dtype: 'i32', shape: [2], data: Int32Array.of(5, 6) })
 * parseNpy(bytes, 'a.npy').data // Int32Array [5, 6]
 * ```
 */
export function parseNpy(bytes: Uint8Array, where: string): ArrayView {
  const { type, isBigEndian, isFortran, shape, start } = headerOf(bytes, where)
  const size = sizeOf(shape) * type.bytes
  if (!Number.isSafeInteger(size) || bytes.length - start !== size) {
    const wanted = `${size} bytes for ${showShape(shape)}`
    throw malformed(where, wanted, `${bytes.length - start}`)
  }
  const stored = bytes.subarray(start)
  const data = type.decode(isBigEndian ? swapped(stored, type.bytes) : stored, where)
  const view = { dtype: type.dtype, shape, data } as ArrayView
  return isFortran ? rowMajor(view) : view
}

function headerOf(bytes: Uint8Array, where: string): Header {
  const magic = [0x93, ...new TextEncoder().encode('NUMPY')]
  if (!magic.every((byte, i) => bytes[i] === byte)) {
    throw malformed(where, 'a file that begins with \\x93NUMPY', 'other bytes')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wide = bytes[6] !== 1
  if (bytes.length < 12 || bytes[6]! > 3) throw malformed(where, 'format 1 to 3', `${bytes[6]}`)
  const from = wide ? 12 : 10
  const start = from + (wide ? view.getUint32(8, true) : view.getUint16(8, true))
  if (start > bytes.length) throw malformed(where, `a header of ${start} bytes`, `${bytes.length}`)
  const text = new TextDecoder().decode(bytes.subarray(from, start))
  return { ...parseHeader(text, where), start }
}

/** A Python dictionary of three entries. */
function parseHeader(text: string, where: string): Omit<Header, 'start'> {
  const descr = /'descr':\s*'([<>|=]?)(\w+)'/.exec(text)
  const order = /'fortran_order':\s*(True|False)/.exec(text)
  const shape = /'shape':\s*\(([\d,\s]*)\)/.exec(text)
  const type = descr && storedTypes[kinds[descr[2]!] ?? '']
  if (!descr || !type) {
    const got = descr?.[2] ?? text.trim().slice(0, 60)
    throw new BrickError({
      kind: 'file',
      where,
      wanted: `numbers of a type of ${Object.keys(kinds).join(', ')}`,
      got,
      remedy: 'Save it as one of these: array.astype("float32"). Pickled objects are not read.',
    })
  }
  if (!order || !shape) throw malformed(where, 'fortran_order and shape', text.trim().slice(0, 80))
  const extents = shape[1]!.split(',').flatMap((part) => (part.trim() ? [Number(part)] : []))
  if (extents.length > MOST_AXES) {
    throw malformed(where, `at most ${MOST_AXES} axes`, `${extents.length}`)
  }
  return {
    type,
    isBigEndian: descr[1] === '>',
    isFortran: order[1] === 'True',
    shape: extents,
  }
}

function malformed(where: string, wanted: string, got: string): BrickError {
  const remedy = 'The file is not a whole .npy or .npz file: write or download it again.'
  return new BrickError({ kind: 'file', where, wanted, got, remedy })
}

const written = { f32: '<f4', i32: '<i4', u8: '|u1', bool: '|b1' } as const

/**
 * An array as NumPy's .npy, format 1.
 *
 * @throws BrickError `shape` if the data do not fill the shape.
 * @example
 * ```ts
 * serializeNpy({ dtype: 'f32', shape: [], data: Float32Array.of(1) }).length // 132
 * ```
 */
export function serializeNpy({ dtype, shape, data }: ArrayView): Uint8Array {
  if (data.length !== sizeOf(shape)) {
    throw new BrickError({
      kind: 'shape',
      where: 'npy',
      wanted: `${sizeOf(shape)} elements for ${showShape(shape)}`,
      got: `${data.length}`,
    })
  }
  const extents = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${written[dtype]}', 'fortran_order': False, 'shape': (${extents}), }`
  // Padded so that the elements begin at a multiple of 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64
  const bytes = new Uint8Array(length + data.byteLength).fill(0x20, 0, length)
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0])
  new DataView(bytes.buffer).setUint16(8, length - 10, true)
  bytes.set(new TextEncoder().encode(text), 10)
  bytes[length - 1] = 0x0a
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), length)
  return bytes
}

/**
 * Reads NumPy's .npz: a zip of .npy files, compressed or not.
 *
 * @throws BrickError `file` that says what is malformed.
 * @example
 * ```ts
 * const bytes = serializeNpz({ w: { dtype: 'u8', shape: [2], data: Uint8Array.of(1, 2) } })
 * const arrays = await parseNpz(bytes, 'a.npz')
 * arrays.get('w')?.shape // [2]
 * ```
 */
export function parseNpz(bytes: Uint8Array, where: string): Promise<Map<string, ArrayView>> {
  return arraysIn(heldBytes(bytes, where))
}

async function arraysIn(source: ByteSource): Promise<Map<string, ArrayView>> {
  const zip = await ZipFile.open(source)
  const arrays = new Map<string, ArrayView>()
  for (const [name, entry] of zip.entries) {
    const array = parseNpy(await zip.read(entry), `${source.path}: ${name}`)
    arrays.set(name.replace(/\.npy$/, ''), array)
  }
  return arrays
}

/**
 * Named arrays as NumPy's .npz, compressed.
 *
 * @throws BrickError `shape` if data do not fill a shape.
 * @example
 * ```ts
 * const bytes = serializeNpz({ a: { dtype: 'f32', shape: [1], data: Float32Array.of(1) } })
 * ```
 */
export function serializeNpz(arrays: Readonly<Record<string, ArrayView>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => [`${name}.npy`, serializeNpy(array)])
  return zipSync(Object.fromEntries(files))
}

/** {@link parseNpy} of a file. */
export async function readNpy(path: string): Promise<ArrayView> {
  const file = await RandomAccess.open(path)
  try {
    return parseNpy(await file.read(0, file.size), path)
  } finally {
    await file.close()
  }
}
/** {@link serializeNpy} to a file; an old one stays whole until the new one is. */
export async function writeNpy(path: string, array: ArrayView): Promise<void> {
  await writeAtomically(path, serializeNpy(array))
}
/** {@link parseNpz} of a file. */
export async function readNpz(path: string): Promise<Map<string, ArrayView>> {
  const file = await RandomAccess.open(path)
  try {
    return await arraysIn(file)
  } finally {
    await file.close()
  }
}
/** {@link serializeNpz} to a file; an old one stays whole until the new one is. */
export async function writeNpz(
  path: string,
  arrays: Readonly<Record<string, ArrayView>>,
): Promise<void> {
  await writeAtomically(path, serializeNpz(arrays))
}
