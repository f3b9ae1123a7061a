import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { diagnose } from '../src/device/native/diagnose.ts'
import { createBackend, nn, useBackend } from '../src/index.ts'
import { compared, reference } from './support/check.ts'
import { supportDocument } from './support/document.ts'
import { fn, layer } from './support/sample.ts'
import { group, groups } from './support/subjects.ts'

const interpreter = await createBackend('interpreter')
const wasm = await createBackend('wasm')
afterAll(() => useBackend(interpreter))

/** The document without the column of one backend. */
const without = (name: string, text: string): string => {
  let column = -1
  return text
    .split('\n')
    .map((line) => {
      if (!line.startsWith('|')) return line
      const cells = line.split(' | ')
      const at = cells.indexOf(name)
      if (at >= 0) column = at
      return cells.toSpliced(column, 1).join(' | ')
    })
    .join('\n')
}

test('docs/support.md is what npm run support writes: interpreter and wasm, every row', async () => {
  const committed = readFileSync('docs/support.md', 'utf8')
  expect(committed).not.toContain('✗')
  const fresh = await supportDocument({ interpreter, others: [wasm] })
  expect(fresh, 'run: npm run support').toBe(without('native', committed))
})

/** Compiling all rows by the system's compiler takes a minute: `npm run support` does that. */
const EVERY = 12
const compiler = await diagnose()
const missing = compiler.ok ? '' : ' (no C compiler works here)'

test.skipIf(!compiler.ok)(`every ${EVERY}th row on native${missing}`, async () => {
  const native = await createBackend('native')
  const all = groups().flatMap(({ subjects }) => subjects)
  for (const { name, sample } of all.filter((_, i) => i % EVERY === 0)) {
    const { values } = await reference(sample, interpreter)
    const { forward, gradient } = await compared({ sample, values }, native)
    expect(`${name} ${forward}${gradient}`).not.toContain('✗')
  }
})

describe('what is wrong is found', () => {
  test('a gradient that differences do not give', async () => {
    const wrong = fn(
      (x) =>
        x!
          .exp()
          .detach()
          .withHistory([x!], (g) => [g]),
      [3],
    )
    const { marks } = await reference(wrong, interpreter)
    expect(marks.forward).toBe('✓')
    expect(marks.gradient).toMatch(/^✗ gradient .* by differences/)
  })

  test('a value that is not finite, or not the same elsewhere', async () => {
    const { marks } = await reference(
      fn((x) => x!.sub(9).log(), [3]),
      interpreter,
    )
    expect(marks.forward).toBe('✗ not finite')
    const linear = layer(() => new nn.Linear(2, 2), [1, 2])
    const { values } = await reference(linear, interpreter)
    const off = { outputs: values.outputs.map((v) => v + 1), grads: values.grads.slice(1) }
    const other = await compared({ sample: linear, values: off }, wasm)
    expect(other.forward).toMatch(/^✗ .* for /)
    expect(other.gradient).toMatch(/^✗ \d+ values for \d+/)
  })

  test('a sample without an export', () => {
    expect(() => group('Layers', 'layers.ts', [], { Old: fn((x) => x!) })).toThrow(/no export: Old/)
  })

  test('an export without a sample', () => {
    expect(() =>
      group('Layers', 'layers.ts', ['Linear', 'Novel'], { Linear: fn((x) => x!) }),
    ).toThrow(/Layers: no sample for Novel\. Add one to test\/support\/layers\.ts/)
  })
})
