import { flatten } from '../graph/ops/movement.ts'
import { type Contraction, swapped } from './contraction.ts'
import { strideIn } from './nest.ts'
import { loopPosition, symbolic } from './position.ts'

/** Turns a contraction so that n, the side that vectors run along, holds the output's innermost axis. */
export function contractionSwap(contraction: Contraction): Contraction {
  const { node, loops, m } = contraction
  const out = flatten(
    node.attrs.out.map((label) => loopPosition(loops.get(label)!)),
    node.shape,
    symbolic,
  )
  const innermost = m.some(({ loop, span }) => strideIn(out, loop, span) === 1)
  return innermost ? swapped(contraction) : contraction
}
