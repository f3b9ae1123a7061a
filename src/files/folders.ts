import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and what is missing above it, one after the other. (Node's own recursive mkdir
 * never ends where the system says “no such file” to every name, as it does in /proc.)
 *
 * Throws the system's error.
 *
 * @example
 * ```ts
 * await makeFolder('runs/lenet-digits-1')
 * ```
 */
export async function makeFolder(path: string, mode?: number): Promise<void> {
  const parent = dirname(path)
  if (parent !== path && !(await isFolder(parent))) await makeFolder(parent, mode)
  try {
    await mkdir(path, { mode })
  } catch (error) {
    if (!(await isFolder(path))) throw error
  }
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.isDirectory() ?? false
}
