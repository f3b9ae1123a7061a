import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the test data, for `test.skipIf(file.missing)`; `note` gives the reason in its name. */
export function dataFile(name: string): { path: string; missing: boolean; note: string } {
  const folder = process.env['BRICKWORK_DATA']
  const path = join(folder ?? '', name)
  if (folder && existsSync(path)) return { path, missing: false, note: '' }
  const reason = folder ? `no ${name} in BRICKWORK_DATA` : 'BRICKWORK_DATA is not set'
  console.warn(`skipped: a test of ${name}: ${reason}`)
  return { path, missing: true, note: ` (skipped: ${reason})` }
}
