import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A page of `examples/`, and what it promises to print. */
export interface Example {
  readonly name: string
  readonly source: string
  /** The lines under `Expect:` in the headline comment. */
  readonly expected: readonly string[]
}

/** All examples: those whose file has one of the names, if there are names. */
export function examplesIn(folder: string, names: readonly string[] = []): Example[] {
  const missing = names.find((name) => !existsSync(join(folder, `${name}.ts`)))
  if (missing !== undefined) {
    const known = exampleNames(folder).join(', ')
    throw new Error(`examples: expected one of ${known}; got '${missing}'.`)
  }
  return (names.length > 0 ? names : exampleNames(folder)).map((name) => {
    const source = readFileSync(join(folder, `${name}.ts`), 'utf8')
    return { name, source, expected: expectedOf(source) }
  })
}

function exampleNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3))
    .sort()
}

/** The comment that a file begins with, without its slashes. */
export function headline(source: string): string[] {
  const lines = source.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('//'))
  return lines.slice(0, end).map((line) => line.replace(/^\/\/ ?/, ''))
}

/** The indented lines behind `Expect:` in the headline comment. */
function expectedOf(source: string): string[] {
  const lines = headline(source)
  const start = lines.findIndex((line) => line.startsWith('Expect:'))
  if (start < 0) return []
  const rest = lines.slice(start + 1)
  const end = rest.findIndex((line) => !line.startsWith('  '))
  return (end < 0 ? rest : rest.slice(0, end)).map((line) => line.trim())
}

const NUMBER = String.raw`-?(?:\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?|Infinity)`
const BOUND = new RegExp(String.raw`([≥≤])\s*(${NUMBER})`, 'g')
/** What an expected line is made of besides words. */
const PARTS = new RegExp(String.raw`([≥≤]\s*${NUMBER}|\s*…\s*|\s+)`)

const numberIn = (text: string): number => Number(text.replaceAll(',', ''))

/**
 * Whether an output holds an expected line: its words as they are (… for any of them, and spaces
 * for spaces, − and - alike), and for `≥ 93` or `≤ 0.1` a number that is so.
 */
export function holds(line: string, output: string): boolean {
  const expected = line.replaceAll('−', '-')
  const bounds = [...expected.matchAll(BOUND)].map(([, sign, limit]) => ({
    sign,
    limit: numberIn(limit!),
  }))
  const pattern = expected.split(PARTS).map(patternOf).join('')
  const found = [...output.replaceAll('−', '-').matchAll(new RegExp(pattern, 'g'))]
  return found.some((match) =>
    bounds.every(({ sign, limit }, i) => {
      const value = numberIn(match[i + 1]!)
      return sign === '≥' ? value >= limit : value <= limit
    }),
  )
}

/** A part of an expected line as a regular expression. */
function patternOf(part: string): string {
  if (/^[≥≤]/.test(part)) return `(${NUMBER})`
  if (part.includes('…')) return '(?![\\w.]).*?'
  if (/^\s+$/.test(part)) return '[^\\S\\n]+'
  return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
