import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BrickError } from '../../base/errors.ts'

/** A C compiler that answered. */
export interface Compiler {
  /** The command and its leading arguments: `['ccache', 'gcc']`. */
  readonly command: readonly string[]
  /** The first line it says about itself: `gcc (Debian) 12.2.0`. */
  readonly version: string
}

export type CompilerSearch =
  | { readonly found: Compiler }
  | { readonly found: undefined; readonly reason: string }

interface Outcome {
  readonly failed: boolean
  readonly output: string
}

function execute(command: readonly string[], args: readonly string[]): Promise<Outcome> {
  const [file, ...leading] = command
  return new Promise((resolve) => {
    // In a process group of its own: a Ctrl-C is for us to answer, and must not end the compiler.
    const child = spawn(file!, [...leading, ...args], {
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const output: Buffer[] = []
    child.stdout.on('data', (part: Buffer) => output.push(part))
    child.stderr.on('data', (part: Buffer) => output.push(part))
    const end = (failed: boolean, reason: string) => {
      resolve({ failed, output: Buffer.concat(output).toString() || reason })
    }
    child.on('error', (error) => end(true, error.message))
    child.on('close', (code, signal) => end(code !== 0, `exit ${signal ?? code}`))
  })
}

/**
 * The system's C compiler: `$CC` if it is set, else the first of cc, gcc and clang that works.
 * Says why where none does.
 */
export async function findCompiler(): Promise<CompilerSearch> {
  const chosen = process.env['CC']?.trim()
  const candidates = chosen ? [chosen.split(/\s+/)] : [['cc'], ['gcc'], ['clang']]
  const reasons: string[] = []
  for (const command of candidates) {
    const { failed, output } = await execute(command, ['--version'])
    const version = output.split('\n')[0]!.trim()
    if (!failed) return { found: { command, version } }
    reasons.push(`${command.join(' ')}: ${version}`)
  }
  return { found: undefined, reason: reasons.join('; ') }
}

/** Flags for every program: exact with NaN and infinities, fused multiply-adds where there are some. */
export const programFlags: readonly string[] = [
  '-std=c11',
  '-O2',
  '-fPIC',
  '-ffp-contract=fast',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-fno-strict-aliasing',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-w',
]

export interface Source {
  /** Translation units. */
  readonly units: readonly string[]
  readonly flags: readonly string[]
}

/**
 * Builds a shared library from C in `folder`, which keeps the source. Several units are compiled
 * side by side.
 *
 * @throws BrickError of kind 'compiler' with the compiler's first errors and the source's place.
 */
export async function buildLibrary(
  compiler: Compiler,
  { units, flags }: Source,
  folder: string,
  library: string,
): Promise<void> {
  const sources = units.map((_, unit) => join(folder, `unit${unit}.c`))
  await Promise.all(sources.map((path, unit) => writeFile(path, units[unit]!)))
  const compile = async (args: readonly string[]) => {
    const { failed, output } = await execute(compiler.command, args)
    if (failed) throw compilerError(compiler, output, folder)
  }
  const link = ['-shared', '-o', join(folder, library)]
  if (sources.length === 1) return compile([...flags, ...link, sources[0]!])
  const objects = sources.map((path) => path.replace(/c$/, 'o'))
  await Promise.all(sources.map((path, i) => compile([...flags, '-c', '-o', objects[i]!, path])))
  return compile([...flags, ...link, ...objects])
}

function compilerError(compiler: Compiler, output: string, folder: string): BrickError {
  const lines = output.split('\n').filter((line) => /error|fatal/i.test(line))
  const first = (lines.length > 0 ? lines : output.split('\n')).slice(0, 5).join('\n')
  return new BrickError({
    kind: 'compiler',
    where: `${compiler.command.join(' ')} (${compiler.version})`,
    wanted: 'the C source to compile',
    got: `\n${first}\n`,
    remedy: `The source is kept in ${folder}. Set CC to another compiler, or use the wasm device.`,
  })
}

/** No compiler at all. */
export function noCompiler(reason: string): BrickError {
  return new BrickError({
    kind: 'compiler',
    where: 'native device',
    wanted: 'a C compiler (cc, gcc or clang; or the one in $CC)',
    got: reason,
    remedy: compilerRemedy(),
  })
}

/** How to get a compiler on this system. */
export function compilerRemedy(): string {
  return process.platform === 'darwin'
    ? 'Install one with `xcode-select --install`, or use the wasm device.'
    : 'Install gcc or clang with the system’s package manager, or use the wasm device.'
}
