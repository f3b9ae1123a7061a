import { BrickError } from '../../base/errors.ts'

/** A program that the loop language's spec would not let through. */
export function missing(what: string, of: string): never {
  throw new BrickError({
    kind: 'internal',
    where: `C renderer: ${what}`,
    got: of,
    remedy: 'This is a bug in Brickwork: please report it.',
  })
}
