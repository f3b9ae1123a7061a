/** The remainders of all bytes by the reflected Castagnoli polynomial. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

/**
 * The CRC-32C of bytes.
 *
 * Source: RFC 3720, appendix B.4.
 *
 * @example
 * ```ts
 * crc32c(new TextEncoder().encode('123456789')).toString(16) // 'e3069283'
 * ```
 */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}
