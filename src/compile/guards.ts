import type { Guard } from '../graph/record.ts'
import { binary, bool, i32, pack } from '../loop/build.ts'
import type { Expr } from '../loop/ir.ts'
import { type Address, laneOf, spread } from './address.ts'
import { residueOf } from './known.ts'

/** Whether a guard of this index holds: in all lanes or in none, as far as that is known; else as a condition. */
export function holdsFor(
  index: Address,
  { low, high, every }: Omit<Guard<unknown>, 'index'>,
  lanes: number,
): boolean | Expr {
  const offsets = index.offsets ?? [0]
  const rest = index.lanes ? undefined : residueOf(index.known, every)
  const divides = offsets.map((offset) =>
    every === 1 ? true : rest === undefined ? undefined : (rest + offset) % every === 0,
  )
  const within = offsets.map((offset) => {
    const [min, max] = [index.known.min + offset, index.known.max + offset]
    if (index.lanes) return undefined
    return min >= low && max < high ? true : max < low || min >= high ? false : undefined
  })
  const known = offsets.map((_, lane) => both(divides[lane], within[lane]))
  if (known.every((lane) => lane === known[0]) && known[0] !== undefined) return known[0]
  if (known.every((lane) => lane !== undefined)) return mask(known)
  const tests: Expr[] = []
  if (within.some((lane) => lane !== true)) {
    const all = spread(index, lanes)
    tests.push(binary('le', i32(low), all), binary('lt', all, i32(high)))
  }
  if (divides.some((lane) => lane !== true)) {
    const even = (x: Expr) => binary('eq', binary('rem', x, i32(every)), i32(0))
    if (divides.every((lane) => lane !== undefined)) tests.push(mask(divides))
    else if (index.offsets || index.lanes)
      tests.push(pack(Array.from({ length: lanes }, (_, lane) => even(laneOf(index, lane)))))
    else tests.push(even(index.base))
  }
  return tests.reduce((a, b) => binary('and', a, b))
}

function both(a: boolean | undefined, b: boolean | undefined): boolean | undefined {
  if (a === false || b === false) return false
  return a && b
}

function mask(lanes: readonly boolean[]): Expr {
  return lanes.length === 1 ? bool(lanes[0]!) : pack(lanes.map((lane) => bool(lane)))
}
