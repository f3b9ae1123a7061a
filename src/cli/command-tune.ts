import { chooseTile } from '../compile/tile.ts'
import { createNativeDevice } from '../device/native/native.ts'
import { usesTunedTiles } from '../device/native/tile-file.ts'
import type { Target, TileCost } from '../loop/target.ts'
import { type TunedTile, tuneTiles } from '../tensor/tune.ts'
import type { Output } from './output.ts'

/** Outputs of products and convolutions as networks have them, m × n. */
const outputs = [
  [64, 10],
  [20, 36864],
  [50, 4096],
  [64, 500],
  [128, 128],
  [250, 250],
  [1000, 112],
  [1000, 1000],
] as const

/**
 * Measures what register tiles cost on this machine and keeps it for all that runs here later.
 *
 * @returns 0
 * @throws BrickError `compiler` where there is no C compiler.
 */
export async function tuneCommand(output: Output): Promise<number> {
  const isUsed = usesTunedTiles()
  const device = await createNativeDevice({ threads: 1 })
  try {
    const tuned = await tuneTiles(device)
    tell(tuned, device.target, output)
  } finally {
    await device.close()
  }
  const kept = 'Kept for programs that start from now on; BRICKWORK_AUTOTUNE=off leaves it aside.'
  output.print(isUsed ? kept : 'Kept, but not used while BRICKWORK_AUTOTUNE is off.')
  return 0
}

function tell(tuned: readonly TunedTile[], target: Target, output: Output): void {
  const lanesOf = ({ rows, vectors }: { rows: number; vectors: number }) =>
    `${rows} × ${vectors * target.lanes}`
  output.print('tile       GFLOP/s  cost  in the table')
  for (const { before, after, gflops } of tuned) {
    const tile = lanesOf(before)
    output.event({ event: 'tile', tile, gflops, cost: after.cost, table: before.cost })
    const costs = `${after.cost.toFixed(2).padStart(5)}  ${before.cost.toFixed(2).padStart(12)}`
    output.print(`${tile.padEnd(9)} ${gflops.toFixed(1).padStart(8)} ${costs}`)
  }
  output.print('\noutput        by the table  measured')
  for (const [m, n] of outputs) {
    const chosen = (tiles: readonly TileCost[]) =>
      lanesOf(chooseTile(m, n, { ...target, tiles }, 0).tile)
    const [before, after] = [chosen(tuned.map((t) => t.before)), chosen(tuned.map((t) => t.after))]
    output.event({ event: 'choice', m, n, before, after })
    output.print(`${`${m} × ${n}`.padEnd(14)}${before.padStart(12)}${after.padStart(10)}`)
  }
  output.print()
}
