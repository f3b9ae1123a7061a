import { crc32c } from '../../files/crc32c.ts'

/** A checksum as TFRecord files have it: turned and moved, so that checksums of checksums are safe. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/**
 * A record of a TFRecord file: length (8 bytes), its checksum, the bytes, their checksum; little
 * end first.
 *
 * Source: tensorflow/core/lib/io/record_writer.h
 */
export function recordOf(bytes: Uint8Array): Uint8Array {
  const record = new Uint8Array(bytes.length + 16)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(bytes.length), true)
  view.setUint32(8, masked(record.subarray(0, 8)), true)
  record.set(bytes, 12)
  view.setUint32(12 + bytes.length, masked(bytes), true)
  return record
}
