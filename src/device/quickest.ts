import type { Device, DeviceBuffer, Executable } from './device.ts'

/** Runs, at least. */
const REPEATS = 5

/**
 * Nanoseconds that each kernel of a timed executable took when it was quickest, in runs for so
 * many milliseconds: whatever else the machine does only makes it slower. No other run may be in
 * flight.
 */
export async function quickestTimes(
  device: Device,
  executable: Executable,
  slots: readonly DeviceBuffer[],
  milliseconds: number,
): Promise<number[]> {
  const times = executable.times!
  const least = executable.program.kernels.map(() => Number.POSITIVE_INFINITY)
  const begin = performance.now()
  while (times.runs < REPEATS || performance.now() - begin < milliseconds) {
    const before = times.nanoseconds.slice()
    await device.run(executable, slots)
    least.forEach((time, k) => {
      least[k] = Math.min(time, times.nanoseconds[k]! - before[k]!)
    })
  }
  return least
}
