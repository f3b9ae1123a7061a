import { sameShape, showShape } from '../../base/shape.ts'
import type { Node } from '../node.ts'
import type { LoopOp, PartOp } from '../record.ts'
import { bodyOf, type ScanBody } from '../scan-body.ts'
import { shapeError } from './helpers.ts'

/** Whether an input is what a stand-in stands for; `rounds`: with as many elements before its axes. */
function fits(input: Node, standIn: Node, rounds?: number): boolean {
  const shape = rounds === undefined ? standIn.shape : [rounds, ...standIn.shape]
  return input.dtype === standIn.dtype && sameShape(input.shape, shape)
}

export const loops = {
  scan: {
    kind: 'loop',
    infer: (inputs, attrs, where) => {
      const { length } = attrs
      const body = attrs.body as ScanBody
      const { sequences, states, constants } = body.parameters
      const standIns = [...sequences, ...states, ...constants]
      standIns.forEach((standIn, i) => {
        const rounds = i < sequences.length ? length : undefined
        if (fits(inputs[i]!, standIn, rounds)) return
        const all = rounds === undefined ? standIn.shape : [rounds, ...standIn.shape]
        const got = `${inputs[i]!.dtype} ${showShape(inputs[i]!.shape)} as input ${i}`
        throw shapeError(where, got, `${standIn.dtype} ${showShape(all)}`)
      })
      states.forEach((state, i) => {
        const next = body.next[i]!
        if (fits(next, state)) return
        const got = `${next.dtype} ${showShape(next.shape)} as state ${i} after a round`
        const wanted = `what it was before, ${state.dtype} ${showShape(state.shape)}`
        throw shapeError(where, got, wanted, 'A round must leave each state in its shape.')
      })
      return { shape: [], dtype: 'f32' }
    },
  } satisfies LoopOp<'scan'>,
  scanned: {
    kind: 'part',
    infer: ([scan], { of }) => {
      const body = bodyOf(scan as Node<'scan'>)
      const { length } = (scan as Node<'scan'>).attrs
      const { shape, dtype } = body.nodes[of]!
      return { shape: [body.stateAt(of) < 0 ? length : length + 1, ...shape], dtype }
    },
  } satisfies PartOp<'scanned'>,
}
