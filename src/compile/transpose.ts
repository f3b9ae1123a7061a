import { add, declare, i32, load, mul, shuffle, store, variable } from '../loop/build.ts'
import type { Expr, Func, Stmt } from '../loop/ir.ts'

/** What the function that transposes blocks of this many lanes is called. */
export const transposeName = (lanes: number): string => `transpose${lanes}`

/**
 * target[j · pitch + l] = source[table[l] + j] for l < lanes and j < depth: what lies along memory
 * goes across, in square blocks that are exchanged in registers. It reads and writes up to
 * `lanes − 1` elements and rows past `depth`.
 */
export function transpose(lanes: number): Func {
  const j = variable('j')
  const all = Array.from({ length: lanes }, (_, l) => l)
  const body: Stmt[] = all.map((l) =>
    declare(`r${l}`, load('source', 'f32', add(load('table', 'i32', i32(l)), j), lanes)),
  )
  const { names, exchanges } = exchange(
    all.map((l) => `r${l}`),
    lanes,
  )
  body.push(...exchanges)
  names.forEach((name, i) => {
    const row = mul(add(j, i32(i)), variable('pitch'))
    body.push(store('target', row, variable(name, 'f32', lanes)))
  })
  return {
    name: transposeName(lanes),
    params: [
      { kind: 'pointer', name: 'source', dtype: 'f32', writable: false },
      { kind: 'pointer', name: 'table', dtype: 'i32', writable: false },
      { kind: 'pointer', name: 'target', dtype: 'f32', writable: true },
      { kind: 'value', name: 'depth', dtype: 'i32' },
      { kind: 'value', name: 'pitch', dtype: 'i32' },
    ],
    body: [
      {
        kind: 'for',
        name: 'j',
        start: i32(0),
        end: variable('depth'),
        step: lanes,
        unroll: false,
        body,
      },
    ],
  }
}

/** Transposes a square: for each power of two, rows that far apart exchange blocks of that size. */
function exchange(
  rows: readonly string[],
  lanes: number,
): { names: readonly string[]; exchanges: Stmt[] } {
  const exchanges: Stmt[] = []
  const vector = (name: string): Expr => variable(name, 'f32', lanes)
  let names = [...rows]
  for (let far = 1; far < lanes; far *= 2) {
    const next = [...names]
    const lane = (pick: (l: number) => number) => Array.from({ length: lanes }, (_, l) => pick(l))
    const upper = lane((l) => (l & far ? lanes + (l ^ far) : l))
    const lower = lane((l) => (l & far ? lanes + l : l ^ far))
    names.forEach((name, i) => {
      if (i & far) return
      const other = names[i + far]!
      const made = (which: number, pick: readonly number[]) => {
        next[which] = `${rows[which]}_${far}`
        exchanges.push(declare(next[which], shuffle(vector(name), vector(other), pick)))
      }
      made(i, upper)
      made(i + far, lower)
    })
    names = next
  }
  return { names, exchanges }
}
