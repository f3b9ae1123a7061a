/**
 * Every error that a user can meet is a {@link BrickError}: it names the operation or the place,
 * what it got, what it wanted, and the remedy.
 */
export type ErrorKind =
  | 'shape'
  | 'dtype'
  | 'argument'
  | 'unknown'
  | 'gradient'
  | 'numeric'
  | 'file'
  | 'network'
  | 'compiler'
  | 'device'
  | 'checkpoint'
  | 'interrupted'
  | 'internal'

export interface ErrorParts {
  readonly kind: ErrorKind
  /** The operation, file or place, as the user knows it: `Conv2d`, `matmul`, `runs/a/last.safetensors`. */
  readonly where: string
  /** What was found. */
  readonly got?: string
  /** What was expected. */
  readonly wanted?: string
  /** What to do about it. */
  readonly remedy?: string
  readonly cause?: unknown
}

/**
 * A typed error with its parts.
 *
 * @example
 * ```ts
 * const error = new BrickError({ kind: 'shape', where: 'matmul', got: '[2, 3] × [4, 5]', wanted: 'equal inner sizes' })
 * error.message // 'matmul: expected equal inner sizes, got [2, 3] × [4, 5]'
 * ```
 */
export class BrickError extends Error {
  readonly kind: ErrorKind
  readonly where: string
  readonly got: string | undefined
  readonly wanted: string | undefined
  readonly remedy: string | undefined

  constructor(parts: ErrorParts) {
    super(messageOf(parts), parts.cause === undefined ? undefined : { cause: parts.cause })
    this.name = 'BrickError'
    this.kind = parts.kind
    this.where = parts.where
    this.got = parts.got
    this.wanted = parts.wanted
    this.remedy = parts.remedy
  }

  /** The same error seen from further out: `LeNet.conv2` in front of `Conv2d`. */
  within(place: string): BrickError {
    const { kind, where, got, wanted, remedy, cause } = this
    return new BrickError({
      kind,
      where: `${place}: ${where}`,
      cause,
      ...(got === undefined ? {} : { got }),
      ...(wanted === undefined ? {} : { wanted }),
      ...(remedy === undefined ? {} : { remedy }),
    })
  }
}

function messageOf({ where, got, wanted, remedy }: ErrorParts): string {
  const found = [wanted && `expected ${wanted}`, got && `got ${got}`].filter(Boolean).join(', ')
  // What was found may be several lines, such as a compiler's.
  const gap = found.endsWith('\n') || !found ? '' : '. '
  return `${where}: ${found}${remedy ? `${gap}${remedy}` : ''}`
}

/** Ends a branch that the types rule out. */
export function unreachable(value: never): never {
  throw new BrickError({
    kind: 'internal',
    where: 'unreachable',
    got: JSON.stringify(value),
    remedy: 'This is a bug in Brickwork: please report it.',
  })
}
