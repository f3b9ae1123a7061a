import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'

const root = resolve(import.meta.dirname, '..')
const main = join(root, 'dist/cli/main.js')

export interface Outcome {
  readonly code: number | null
  readonly out: string
  readonly error: string
}

/** The command line in a folder of its own, with a cache of its own. */
export interface CliCase {
  readonly folder: string
  inFolder(name: string): string
  start(
    args: readonly string[],
    environment?: Readonly<Record<string, string>>,
  ): { readonly child: ChildProcess; readonly outcome: Promise<Outcome> }
  run(...args: string[]): Promise<Outcome>
  remove(): void
}

export function cliCase(name: string, usual: Readonly<Record<string, string>> = {}): CliCase {
  const folder = mkdtempSync(join(tmpdir(), `brickwork-${name}-`))
  const inFolder = (path: string) => join(folder, path)
  const start: CliCase['start'] = (args, environment = {}) => {
    const env = { ...process.env, BRICKWORK_CACHE: inFolder('cache'), ...usual, ...environment }
    const child = spawn(process.execPath, [main, ...args], { cwd: folder, env })
    return { child, outcome: outcomeOf(child) }
  }
  return {
    folder,
    inFolder,
    start,
    run: (...args) => start(args).outcome,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** What a child process says until it ends. */
export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let [out, error] = ['', '']
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    error += text
  })
  return new Promise((done) => child.on('close', (code) => done({ code, out, error })))
}

/** Lines of JSON. */
export const lines = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** Builds `dist`, unless it is newer than the sources: once, though several files of tests ask for it. */
export async function built(): Promise<void> {
  mkdirSync(join(root, 'build'), { recursive: true })
  const lock = join(root, 'build/dist.lock')
  while (!locked(lock)) await setTimeout(100)
  try {
    const stamp = join(root, 'build/dist.stamp')
    if (newest(join(root, 'src')) < modified(stamp) && modified(main) > 0) return
    const start = new Date()
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root })
    writeFileSync(stamp, '')
    utimesSync(stamp, start, start)
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

/** A lock of a test run that was killed counts no longer than a build takes. */
function locked(lock: string): boolean {
  try {
    mkdirSync(lock)
    return true
  } catch {
    if (Date.now() - modified(lock) > 60_000) rmSync(lock, { recursive: true, force: true })
    return false
  }
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

const newest = (folder: string): number =>
  Math.max(
    ...readdirSync(folder, { recursive: true }).map((name) => modified(join(folder, String(name)))),
  )
