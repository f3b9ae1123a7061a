import { BrickError } from '../../base/errors.ts'
import { type Shape, showShape } from '../../base/shape.ts'

/**
 * Weights that are all 0 get equal gradients and learn nothing apart: they are refused, unless
 * `init.zeros` asks for them by name. Biases and scales (fewer than 2 dims) may be 0.
 */
export function refuseZeros(name: string, shape: Shape, all: boolean, got: string): void {
  if (!all || shape.length < 2) return
  throw new BrickError({
    kind: 'argument',
    where: `init.${name}`,
    got: `${got} for a weight ${showShape(shape)}`,
    wanted: 'values that are not all 0',
    remedy: 'If zeros are meant, ask for them by name: init.zeros(shape).',
  })
}
