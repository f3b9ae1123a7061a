import { expect, test } from 'vitest'
import { BrickError } from '../src/base/errors.ts'

test('a message joins the parts that are there', () => {
  const parts = { kind: 'file', where: 'a.txt', wanted: 'text' } as const
  expect(new BrickError(parts).message).toBe('a.txt: expected text')
  const full = { ...parts, got: 'numbers', remedy: 'Write some.' }
  expect(new BrickError(full).message).toBe('a.txt: expected text, got numbers. Write some.')
})

test('after lines of another program the remedy begins its own line, without a full stop', () => {
  const parts = {
    kind: 'compiler',
    where: 'cc',
    got: '\nx.c:1: error\n',
    remedy: 'Set CC.',
  } as const
  expect(new BrickError(parts).message).toBe('cc: got \nx.c:1: error\nSet CC.')
})
