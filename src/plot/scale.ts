/** Bounds of an axis, and what lies between its ticks. */
export interface Scale {
  readonly low: number
  readonly high: number
  readonly step: number
}

/** The least of 1, 2 and 5 times a power of ten that is not below a number. */
export function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return power * ([1, 2, 5, 10].find((m) => m * power >= least * (1 - 1e-9)) ?? 10)
}

/** Bounds around the values and a step of 1, 2 or 5 times a power of ten for the axis. */
export function niceScale(min: number, max: number): Scale {
  const span = max - min || Math.abs(max) || 1
  const step = niceStep(span / 4)
  const low = Math.floor(min / step + 1e-9) * step
  return { low, high: Math.max(Math.ceil(max / step - 1e-9) * step, low + step), step }
}

/** The ticks of a scale, from low to high. */
export function ticksOf({ low, high, step }: Scale): number[] {
  const count = Math.round((high - low) / step)
  return Array.from({ length: count + 1 }, (_, i) => low + i * step)
}

/** A tick's text, with as many digits as the step needs. */
export function showTick(value: number, step: number): string {
  if (value !== 0 && (Math.abs(value) >= 1e6 || step < 1e-5)) return value.toExponential(1)
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))
}
