import {
  add,
  f32,
  fma,
  i32,
  load,
  mul,
  register,
  set,
  store,
  variable,
  widen,
} from '../loop/build.ts'
import type { Func, Stmt } from '../loop/ir.ts'
import type { Cut } from './cut.ts'

/** What a micro-kernel depends on. */
export type Micro = Pick<Cut, 'tile' | 'direct' | 'pitch'>

/**
 * rows × width sums of products: c = (or c +=) a·b over `depth`, with b packed in rows of `width`, or
 * (`pitch`) in rows that are `along` elements apart.
 * The rows of c are `step` elements apart.
 * a is packed in columns of `rows`, or (`direct`) lies in rows or columns `pitch` elements apart.
 */
export function microKernel({ tile, direct, pitch }: Micro, accumulate: boolean): Func {
  const { rows, vectors, lanes } = tile
  const width = vectors * lanes
  const k = variable('k')
  const cells = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: vectors }, (_, j) => ({ i, j })),
  ).flat()
  const cell = (i: number, j: number) => add(mul(variable('step'), i32(i)), i32(j * lanes))
  const name = (i: number, j: number) => `c${i}_${j}`
  const left = (i: number) => {
    if (direct === 'rows') return add(mul(variable('pitch'), i32(i)), k)
    return add(mul(k, direct ? variable('pitch') : i32(rows)), i32(i))
  }
  const round: Stmt[] = Array.from({ length: vectors }, (_, j) => ({
    kind: 'let',
    name: `b${j}`,
    value: load(
      'b',
      'f32',
      add(mul(k, pitch ? variable('along') : i32(width)), i32(j * lanes)),
      lanes,
    ),
  }))
  for (let i = 0; i < rows; i++) {
    round.push({ kind: 'let', name: `a${i}`, value: widen(load('a', 'f32', left(i)), lanes) })
    for (let j = 0; j < vectors; j++) {
      const held = variable(name(i, j), 'f32', lanes)
      round.push(
        set(
          name(i, j),
          fma(variable(`a${i}`, 'f32', lanes), variable(`b${j}`, 'f32', lanes), held),
        ),
      )
    }
  }
  return {
    name: microName({ tile, direct, pitch }, accumulate),
    params: [
      { kind: 'pointer', name: 'a', dtype: 'f32', writable: false },
      { kind: 'pointer', name: 'b', dtype: 'f32', writable: false },
      { kind: 'pointer', name: 'c', dtype: 'f32', writable: true },
      { kind: 'value', name: 'depth', dtype: 'i32' },
      { kind: 'value', name: 'step', dtype: 'i32' },
      ...(direct ? [{ kind: 'value', name: 'pitch', dtype: 'i32' } as const] : []),
      ...(pitch ? [{ kind: 'value', name: 'along', dtype: 'i32' } as const] : []),
    ],
    body: [
      ...cells.map(({ i, j }) =>
        register(name(i, j), accumulate ? load('c', 'f32', cell(i, j), lanes) : f32(0, lanes)),
      ),
      {
        kind: 'for',
        name: 'k',
        start: i32(0),
        end: variable('depth'),
        step: 1,
        unroll: false,
        body: round,
      },
      ...cells.map(({ i, j }) => store('c', cell(i, j), variable(name(i, j), 'f32', lanes))),
    ],
  }
}

/** What the micro-kernel of a tile is called. */
export function microName({ tile, direct, pitch }: Micro, accumulate: boolean): string {
  const way = `${direct ?? ''}${pitch ? 'inplace' : ''}`
  return `micro${tile.rows}x${tile.vectors * tile.lanes}${way}${accumulate ? 'add' : ''}`
}
