import { open, readFile, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { BrickError } from '../../base/errors.ts'
import { fileError } from '../../files/errors.ts'
import type { ReadBeside } from './external-data.ts'

/** The bytes of a file. Throws a BrickError of kind `file`. */
export function bytesOf(path: string): Promise<Uint8Array> {
  return readFile(path).catch((error) => {
    throw fileError('read', path, error)
  })
}

/**
 * Reads parts of files in a model's folder, and of no others: no absolute path, no `..`, no link
 * that leads out of it.
 */
export function besideModel(path: string): ReadBeside {
  const folder = dirname(path)
  return async (location, offset, length) => {
    const inside = await insideFolder(folder, location, path)
    try {
      return await readPart(inside, offset, length, path)
    } catch (error) {
      throw fileError('read', inside, error)
    }
  }
}

async function insideFolder(folder: string, location: string, model: string): Promise<string> {
  const steps = location.split(/[\\/]/)
  if (isAbsolute(location) || /^[A-Za-z]:/.test(location) || steps.includes('..')) {
    throw outside(model, location)
  }
  const path = join(folder, location)
  const [home, real] = await Promise.all([realpath(folder), realpath(path)]).catch((error) => {
    throw fileError('read', path, error)
  })
  const way = relative(home, real)
  if (way === '' || way.split(sep)[0] === '..' || isAbsolute(way)) throw outside(model, location)
  return real
}

function outside(model: string, location: string): BrickError {
  return new BrickError({
    kind: 'file',
    where: model,
    wanted: "external data in the model's folder",
    got: JSON.stringify(location),
    remedy: 'Put the data beside the model, and save it again.',
  })
}

async function readPart(
  path: string,
  offset: number,
  wanted: number | undefined,
  model: string,
): Promise<Uint8Array> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const length = wanted ?? Math.max(0, size - offset)
    if (offset + length > size) {
      throw new BrickError({
        kind: 'file',
        where: `${model}: ${path}`,
        wanted: `${length} bytes from ${offset} on`,
        got: `a file of ${size} bytes`,
        remedy: 'The data are cut: write or download them again.',
      })
    }
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes
  } finally {
    await file.close()
  }
}
