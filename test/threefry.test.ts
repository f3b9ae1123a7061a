import { expect, test } from 'vitest'
import { threefry, words } from '../src/graph/threefry.ts'
import { eachThreefry } from '../src/graph/threefry-many.ts'

test.each([
  [1, 2],
  [-5, 0x6272696b],
  [0x7fffffff, -1],
] as const)('many counters give the words that each gives alone: key %d, %d', (...key) => {
  const got: number[][] = []
  eachThreefry(key, 7, 300, (_, a, b) => got.push([a, b]))
  expect(got).toEqual(got.map((_, place) => threefry(words, key, [place, 7])))
})
