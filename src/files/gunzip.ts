import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { BrickError } from '../base/errors.ts'

/** Whether bytes begin as gzip does. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/** More than any file that is read as a whole. */
const MOST = 2 ** 30

/**
 * Unpacked gzip. A small file may promise more than there is memory: it is given up when it has
 * become too long, not before and not after.
 *
 * @param most Bytes, at most. Default 1 GiB.
 * @param remedy What to do about one that is damaged.
 * @throws BrickError `file` for what is damaged or too long.
 * @example
 * ```ts
 * const { gzipSync } = await import('node:zlib')
 * await unpackGzip(gzipSync(Uint8Array.of(1, 2)), 'a.gz') // Uint8Array [1, 2]
 * ```
 */
export async function unpackGzip(
  bytes: Uint8Array,
  where: string,
  most = MOST,
  remedy = 'Write or download it again.',
): Promise<Uint8Array> {
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: most })
  } catch (cause) {
    const isLong = (cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    throw new BrickError({
      kind: 'file',
      where,
      wanted: isLong ? `at most ${most} bytes when it is unpacked` : 'a whole gzip file',
      got: isLong ? 'more' : `${bytes.length} bytes: ${(cause as Error).message}`,
      remedy: isLong ? 'Unpack it yourself, and split it.' : remedy,
      cause,
    })
  }
}
