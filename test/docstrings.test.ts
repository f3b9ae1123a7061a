import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import * as brickwork from '../src/index.ts'
import { notRun, plain, scopeOf } from './docstring-scope.ts'
import { checked } from './promises.ts'

interface Example {
  /** Relative to src. */
  readonly file: string
  /** The function, class or method that the docstring belongs to. */
  readonly of: string
  readonly code: string
}

const declared =
  /^\s*(?:export |public |protected |static |async |abstract |declare |default )*(?:function\*? |class |interface |const |type |get |set )?\*?(\w+)/

/** The `@example` blocks of a file. */
function examplesOf(file: string): Example[] {
  const text = readFileSync(join('src', file), 'utf8')
  return [
    ...text.matchAll(/\/\*\*(?:(?!\*\/)[\s\S])*?@example(?:(?!\*\/)[\s\S])*?\*\/\n(.*)/g),
  ].flatMap(([comment, next]) => {
    const lines = comment.replaceAll(/^\s*\* ?/gm, '')
    const of = declared.exec(next!)?.[1] ?? ''
    return [...lines.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => ({
      file,
      of,
      code: code!,
    }))
  })
}

/** A module that runs an example on names that it finds in a scope. */
function moduleOf({ code }: Example, names: readonly string[]): string {
  const used = names.filter((name) => new RegExp(`(?<![.\\w'])${name}\\b`).test(code))
  // In a block of its own, an example may declare what the scope has, too.
  return `// @ts-nocheck
export default async ({ ${used.join(', ')} }, { check, plain }) => {
  {
    ${checked(code)}
  }
}
`
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
const examples = files.flatMap(examplesOf)
const nameOf = ({ file, of }: Example) => `${file} ${of}`
const reasonOf = (example: Example) => notRun[nameOf(example)] ?? notRun[example.file]
const modules = resolve('build/docstrings')
const home = process.cwd()
const elsewhere = mkdtempSync(join(tmpdir(), 'brickwork-docstrings-'))

beforeAll(() => {
  mkdirSync(modules, { recursive: true })
  vi.spyOn(console, 'log').mockImplementation(() => {})
})
afterAll(() => {
  process.chdir(home)
  vi.restoreAllMocks()
  rmSync(elsewhere, { recursive: true })
  rmSync(modules, { recursive: true })
})

for (const [i, example] of examples.entries()) {
  const reason = reasonOf(example)
  const title = `${nameOf(example)}${reason ? ` (not run: ${reason})` : ''}`
  test.skipIf(reason)(title, async () => {
    const own = await import(resolve('src', example.file))
    const scope = { ...brickwork, ...(await scopeOf(example.file)), ...own }
    const path = join(modules, `example-${i}.ts`)
    writeFileSync(path, moduleOf(example, Object.keys(scope)))
    const { default: run } = await import(path)
    process.chdir(elsewhere)
    try {
      await run(scope, {
        plain,
        check: (got: unknown, wanted: unknown) => expect(got).toEqual(wanted),
      })
    } finally {
      process.chdir(home)
    }
  })
}

test('every reason belongs to an example', () => {
  const known = new Set(examples.flatMap((example) => [nameOf(example), example.file]))
  expect(Object.keys(notRun).filter((key) => !known.has(key))).toEqual([])
})
