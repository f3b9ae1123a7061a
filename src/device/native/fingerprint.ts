import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** All that stands between a task's key and its machine code. */
const rooms = [
  'base',
  'loop',
  'graph',
  'gradient',
  'interpreter',
  'compile',
  'render/c',
  'device/native',
  'tensor',
]

/**
 * Says which compiler of ours this process runs: another one after each change of its files, so
 * that nothing which it left on disk is taken for the work of the next. Undefined where that can't
 * be told: in a bundle, and if a file was changed after this process (which may have read it
 * before) began.
 */
export function compilerFingerprint(): string | undefined {
  try {
    const self = fileURLToPath(import.meta.url)
    return fingerprintOf(join(self, '../../..'), self, performance.timeOrigin)
  } catch {
    return undefined
  }
}

/** Of the compiler in a folder; `member` must be a part of it, and no part younger than `before`. */
export function fingerprintOf(root: string, member: string, before: number): string | undefined {
  const files = rooms.flatMap((room) => codeIn(join(root, room)))
  if (!files.includes(member)) return undefined
  const sum = createHash('sha256')
  for (const path of files) {
    // No program sets a file's time of change: the system does, whenever anything is written.
    const { ctimeMs, size } = statSync(path)
    if (ctimeMs >= before) return undefined
    sum.update(`${path} ${size} ${ctimeMs}\n`)
  }
  return sum.digest('hex')
}

function codeIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}${sep}${entry.name}`
      if (entry.isDirectory()) return codeIn(path)
      return /\.[jt]s$/.test(entry.name) ? [path] : []
    })
}
