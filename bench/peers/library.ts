import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

/** A value of a peer's library, whose types are there only where the peer is installed. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type Untyped = any

const folder = fileURLToPath(new URL('../../../bench/', import.meta.url))
const require = createRequire(`${folder}package.json`)

/** A library from bench/node_modules. */
export const peerLibrary = (name: string): Untyped => require(name)

export function peerVersion(name: string): string {
  return JSON.parse(readFileSync(`${folder}node_modules/${name}/package.json`, 'utf8')).version
}

/** The file that such a library begins with. */
export const peerPath = (name: string): string => require.resolve(name)
