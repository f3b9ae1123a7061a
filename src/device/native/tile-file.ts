import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BrickError } from '../../base/errors.ts'
import { writeAtomically } from '../../files/atomic.ts'
import type { TileCost } from '../../loop/target.ts'

/** Raised when the trial or the micro-kernels change, so that old costs no longer count. */
const VERSION = '1'

/** What tiles cost on one machine with one compiler, beside the compiled programs. */
export class TileFile {
  readonly path: string
  private readonly key: string

  /** @param identity All that the costs depend on: the processor, the compiler, its flags. */
  constructor(folder: string, identity: readonly string[]) {
    this.key = createHash('sha256')
      .update([VERSION, ...identity].join('\0'))
      .digest('hex')
    this.path = join(folder, `tiles-${this.key.slice(0, 16)}.json`)
  }

  /** Undefined if there is no such file, or it is damaged or another machine's: it can be measured anew. */
  async read(): Promise<readonly TileCost[] | undefined> {
    try {
      const { key, tiles } = JSON.parse(await readFile(this.path, 'utf8'))
      return key === this.key && Array.isArray(tiles) && tiles.every(isCost) ? tiles : undefined
    } catch {
      return undefined
    }
  }

  async write(tiles: readonly TileCost[]): Promise<void> {
    const text = `${JSON.stringify({ key: this.key, tiles }, undefined, 2)}\n`
    await writeAtomically(this.path, new TextEncoder().encode(text))
  }
}

function isCost(tile: Partial<TileCost> | null): boolean {
  const { rows, vectors, cost } = tile ?? {}
  return [rows, vectors].every(Number.isSafeInteger) && Number.isFinite(cost) && cost! >= 1
}

/** Whether measured costs are used: unless BRICKWORK_AUTOTUNE is `off`. */
export function usesTunedTiles(): boolean {
  const wish = process.env['BRICKWORK_AUTOTUNE'] || 'on'
  if (['on', 'off'].includes(wish)) return wish === 'on'
  throw new BrickError({
    kind: 'argument',
    where: 'BRICKWORK_AUTOTUNE',
    got: `'${wish}'`,
    wanted: 'on or off',
  })
}
