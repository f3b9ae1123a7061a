import { measuredCosts, tileTrial } from '../compile/tile-trial.ts'
import type { Device } from '../device/device.ts'
import { quickestTimes } from '../device/quickest.ts'
import type { TileCost } from '../loop/target.ts'

/** The quickest of the runs in so many milliseconds counts. */
const PATIENCE = 300

/** What one thread gets out of a register tile. */
export interface TunedTile {
  /** As the compiler's table has it. */
  readonly before: TileCost
  /** As it is on this machine. */
  readonly after: TileCost
  readonly gflops: number
}

/**
 * Times the micro-kernels of all register tiles on the device, some tenths of a second together,
 * and has it keep the costs for devices made later, if it has a place for them. No run may be in
 * flight then.
 */
export async function tuneTiles(device: Device): Promise<readonly TunedTile[]> {
  const { program, tiles, multiplyAdds } = tileTrial(device.target)
  const slots = program.buffers.map(({ size }) => {
    const buffer = device.allocate(4 * size)
    device.write(buffer, new Float32Array(size).fill(1))
    return buffer
  })
  const executable = await device.load(program, { timed: true })
  const nanoseconds = await quickestTimes(device, executable, slots, PATIENCE)
  const times = nanoseconds.map((time, i) => time / multiplyAdds[i]!)
  const costs = measuredCosts(tiles, times)
  await device.keepTiles?.(costs)
  return costs.map((after, i) => ({ before: tiles[i]!, after, gflops: 2 / times[i]! }))
}
