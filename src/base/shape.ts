import { BrickError } from './errors.ts'

export type Shape = readonly number[]

/** Number of elements: the product of the sizes (1 for a scalar, []). */
export function sizeOf(shape: Shape): number {
  let size = 1
  for (const extent of shape) size *= extent
  return size
}

/** What positions, 32-bit integers on every backend, can count. */
const MOST_ELEMENTS = 2 ** 31 - 1

/** Throws a BrickError of kind `shape` if there are more elements than positions can count. */
export function requireCountable(count: number, where: string): void {
  if (count <= MOST_ELEMENTS) return
  throw new BrickError({
    kind: 'shape',
    where,
    got: `${count} elements`,
    wanted: `at most ${MOST_ELEMENTS}`,
    remedy: 'Compute it in parts.',
  })
}

/** Row-major strides in elements: [2, 3, 4] → [12, 4, 1]. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride
    stride *= shape[axis]!
  }
  return strides
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis])
}

/** `[2, 3]`, as errors show it. */
export function showShape(shape: Shape): string {
  return `[${shape.join(', ')}]`
}

/** The shape that both broadcast to (NumPy's rule: align right, 1 stretches). */
export function broadcastShapes(a: Shape, b: Shape, where: string): number[] {
  const rank = Math.max(a.length, b.length)
  const out = new Array<number>(rank)
  for (let i = 1; i <= rank; i++) {
    const x = a[a.length - i] ?? 1
    const y = b[b.length - i] ?? 1
    if (x !== y && x !== 1 && y !== 1) {
      throw new BrickError({
        kind: 'shape',
        where,
        got: `${showShape(a)} and ${showShape(b)}`,
        wanted: 'shapes that broadcast (aligned right, sizes equal or 1)',
        remedy: 'Reshape or expand one of them.',
      })
    }
    out[rank - i] = x === 1 ? y : x
  }
  return out
}

/** An axis counted from the front; negative ones count from the back. */
export function normalizeAxis(axis: number, rank: number, where: string): number {
  const positive = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || positive < 0 || positive >= rank) {
    throw new BrickError({
      kind: 'shape',
      where,
      got: `dim ${axis}`,
      wanted: rank === 0 ? 'no dim (the tensor is a scalar)' : `a dim in [${-rank}, ${rank - 1}]`,
    })
  }
  return positive
}

/** Distinct axes, counted from the front, ascending; undefined means all. */
export function normalizeAxes(
  axes: number | readonly number[] | undefined,
  rank: number,
  where: string,
): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, axis) => axis)
  const list = (typeof axes === 'number' ? [axes] : axes).map((axis) =>
    normalizeAxis(axis, rank, where),
  )
  if (new Set(list).size !== list.length) {
    throw new BrickError({
      kind: 'shape',
      where,
      got: `dims ${showShape(list)}`,
      wanted: 'distinct dims',
    })
  }
  return list.sort((a, b) => a - b)
}
