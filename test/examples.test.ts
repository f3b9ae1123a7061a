import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { examplesIn, headline, holds } from './examples/expectation.ts'

/** What they print is checked by `npm run examples`; here, that they are pages to be read. */

const root = join(import.meta.dirname, '..')
const list = readFileSync(join(root, 'docs/examples.md'), 'utf8')
const examples = examplesIn(join(root, 'examples'))

describe.each(examples.map((example) => [example.name, example] as const))(
  '%s',
  (name, example) => {
    const { source, expected } = example

    test('says what it shows and what to expect', () => {
      expect(headline(source)[0]).toMatch(/^[A-Z].{20,}/)
      expect(expected).not.toEqual([])
    })

    test('is one page', () => {
      expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(72)
    })

    test('imports nothing but brickwork and Node', () => {
      const modules = [...source.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, m]) => m!)
      expect(modules).toContain('brickwork')
      expect(modules.filter((m) => !/^(?:brickwork(?:\/serve)?$|node:)/.test(m))).toEqual([])
    })

    test('is in docs/examples.md', () => {
      expect(list).toContain(`(../examples/${name}.ts)`)
    })
  },
)

test('docs/examples.md lists no other', () => {
  const listed = [...list.matchAll(/\(\.\.\/examples\/(.+?)\.ts\)/g)].map(([, name]) => name)
  expect(listed.sort()).toEqual(examples.map(({ name }) => name))
})

test('an example that is not there is named', () => {
  expect(() => examplesIn(join(root, 'examples'), ['nothing'])).toThrow(/got 'nothing'/)
})

describe('an expected line', () => {
  test.each([
    ['f = −12', 'f = −12\n', true],
    ['f = −12', 'f = 12\n', false],
    ['a  b', 'a b', true],
    ['a b', 'a\nb', false],
    ['accuracy ≥ 93 %', 'accuracy 95.3 %', true],
    ['accuracy ≥ 93 %', 'accuracy 92.9 %', false],
    ['accuracy ≥ 93 %', 'accuracy none', false],
    ['accuracy ≥ 93 %', 'accuracy NaN %', false],
    ['error ≤ 1e-3', 'error 2.5e-4', true],
    ['error ≤ 1e-3', 'error 0.01', false],
    ['slope ≥ −2 … intercept ≤ 5', 'slope -1.5, intercept 4', true],
    ['slope ≥ −2 … intercept ≤ 5', 'slope -1.5, intercept 6', false],
    ['degree 1 … ≤ 5', 'degree 11 4', false],
    ['of ≥ 1,000 examples', 'of 1,437 examples', true],
    ['loss ≤ 1', 'loss 3\nloss 0.5', true],
  ])('%j in %j: %s', (expected, output, wanted) => {
    expect(holds(expected, output)).toBe(wanted)
  })
})
