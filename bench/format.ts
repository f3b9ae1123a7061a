/** Figures for people. */

export function showTime(milliseconds: number): string {
  if (!Number.isFinite(milliseconds)) return '–'
  if (milliseconds < 0.001) return `${(milliseconds * 1e6).toFixed(0)} ns`
  if (milliseconds < 1) return `${significant(milliseconds * 1000)} µs`
  if (milliseconds < 1000) return `${significant(milliseconds)} ms`
  return `${significant(milliseconds / 1000)} s`
}

/** Three digits, never an exponent. */
export function significant(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value.toFixed(value >= 10 ? 1 : 2)
}

export const showBytes = (bytes: number | null): string =>
  bytes === null ? '–' : `${(bytes / 2 ** 20).toFixed(0)} MB`

export const showShare = (share: number | undefined): string =>
  share === undefined ? '' : `${(share * 100).toFixed(0)} %`
