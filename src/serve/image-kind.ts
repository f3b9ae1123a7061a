/** Encoded images that are let in: file name extension, and how their content begins. */
const kinds: readonly { readonly extension: string; matches(bytes: Buffer): boolean }[] = [
  { extension: 'png', matches: (b) => b.subarray(0, 8).toString('latin1') === '\x89PNG\r\n\x1a\n' },
  { extension: 'jpg', matches: (b) => b.length > 2 && b.readUIntBE(0, 3) === 0xffd8ff },
  { extension: 'gif', matches: (b) => /^GIF8[79]a/.test(start(b)) },
  { extension: 'webp', matches: (b) => /^RIFF.{4}WEBP/s.test(start(b)) },
  { extension: 'tif', matches: (b) => /^(?:II\*\0|MM\0\*)/.test(start(b)) },
  { extension: 'avif', matches: (b) => /^.{4}ftyp(?:avif|avis|mif1)/s.test(start(b)) },
]

const start = (bytes: Buffer): string => bytes.subarray(0, 12).toString('latin1')

/** For errors. */
export const imageKinds = 'PNG, JPEG, GIF, WebP, TIFF or AVIF'

/**
 * The file name extension that suits an encoded image, by its content alone; undefined for anything
 * else. SVG is none of them: it is a program for a renderer, and may name other files.
 *
 * @example
 * ```ts
 * imageExtension(Uint8Array.of(0xff, 0xd8, 0xff, 0xe0)) // 'jpg'
 * ```
 */
export function imageExtension(bytes: Uint8Array): string | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return kinds.find(({ matches }) => matches(buffer))?.extension
}
