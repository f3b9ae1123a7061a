import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { showShape, sizeOf } from '../base/shape.ts'

/** The type byte of unsigned bytes. */
const UNSIGNED_BYTE = 8

/**
 * Reads an IDX file of unsigned bytes: two zero bytes, the type (8), the number of axes, the
 * sizes as big-endian 32-bit integers, the elements. The elements are not copied.
 *
 * Source: LeCun, Cortes, Burges, “The MNIST database”, file format.
 *
 * @param where The file's name, for errors.
 * @param rank The number of axes it must have: 3 for images, 1 for labels.
 * @throws BrickError `file` that says what is wrong with the file.
 * @example
 * ```ts
 * parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 7, 9), 'labels', 1).data // 7, 9
 * ```
 */
export function parseIdx(bytes: Uint8Array, where: string, rank: number): ArrayView<'u8'> {
  const start = 4 + 4 * rank
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const magic = (UNSIGNED_BYTE << 8) | rank
  const found = bytes.length < 4 ? undefined : view.getUint32(0)
  if (found !== magic) throw wrong(where, `the magic number ${hex(magic)}`, found)
  if (bytes.length < start) throw wrong(where, `a header of ${start} bytes`, bytes.length)
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const length = start + sizeOf(shape)
  if (bytes.length !== length) {
    const what = bytes.length < length ? 'truncated' : 'trailing bytes'
    throw wrong(where, `${length} bytes for ${showShape(shape)}`, `${bytes.length} (${what})`)
  }
  return { dtype: 'u8', shape, data: bytes.subarray(start) }
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}

function wrong(where: string, wanted: string, got: number | string | undefined): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted,
    got: typeof got === 'number' && wanted.includes('magic') ? hex(got) : String(got ?? 'no bytes'),
    remedy: 'Replace the file with the original, or delete it, so that it is downloaded.',
  })
}
