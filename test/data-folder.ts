import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** A file of the test data, for `test.skipIf(file.missing)`; `note` gives the reason in its name. */
export function dataFile(name: string): { path: string; missing: boolean; note: string } {
  const folder = process.env['BRICKWORK_DATA']
  if (!folder) return { path: '', missing: true, note: ' (skipped: BRICKWORK_DATA is not set)' }
  const path = join(folder, name)
  const missing = !existsSync(path)
  return { path, missing, note: missing ? ` (skipped: no ${name} in BRICKWORK_DATA)` : '' }
}
