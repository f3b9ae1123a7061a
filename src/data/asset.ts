import { BrickError } from '../base/errors.ts'

/**
 * The text of a file that comes with the package, unzipped. Works in the browser too.
 *
 * @throws BrickError `file` if it is missing or damaged.
 */
export async function assetText(name: string): Promise<string> {
  const url = new URL(`../../assets/${name}`, import.meta.url)
  try {
    const bytes = await read(url)
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return new TextDecoder().decode(bytes)
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
    return await new Response(plain).text()
  } catch (error) {
    throw damaged(url.pathname, 'a file that can be read', String(error))
  }
}

async function read(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  if (url.protocol === 'file:') {
    // Not an import, so that bundlers for the browser have nothing to resolve.
    return new Uint8Array(await process.getBuiltinModule('node:fs/promises').readFile(url))
  }
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`)
  return new Uint8Array(await response.arrayBuffer())
}

/** A file of the package that isn't what it was. */
export function damaged(where: string, wanted: string, got: string): BrickError {
  const remedy = 'Install the package again.'
  return new BrickError({ kind: 'file', where, wanted, got, remedy })
}
