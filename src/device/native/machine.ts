import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { BrickError } from '../../base/errors.ts'
import type { Target } from '../../loop/target.ts'

/** What we know of this processor. */
export interface Machine {
  readonly target: Target
  /** For people: `AVX-512`, `NEON`. */
  readonly simd: string
  /** Model and features: machine code made for one processor is not for another. */
  readonly identity: string
  /** Compiler flags that this processor needs beyond the common ones. */
  readonly flags: readonly string[]
}

interface VectorUnit {
  /** The processor's features that it takes. */
  readonly needs: readonly string[]
  readonly simd: string
  readonly lanes: number
  readonly registers: number
  readonly flags: readonly string[]
}

/** Vector units, the widest first. The last one is what every machine of its kind has. */
const units: { readonly [arch: string]: readonly VectorUnit[] } = {
  x64: [
    // Without the flag, some compilers split 512-bit vectors in halves.
    {
      needs: ['avx512f', 'avx512dq', 'avx512vl', 'avx512bw'],
      simd: 'AVX-512',
      lanes: 16,
      registers: 32,
      flags: ['-march=native', '-mprefer-vector-width=512'],
    },
    { needs: ['avx2'], simd: 'AVX2', lanes: 8, registers: 16, flags: ['-march=native'] },
    { needs: [], simd: 'SSE', lanes: 4, registers: 16, flags: ['-march=native'] },
  ],
  arm64: [{ needs: [], simd: 'NEON', lanes: 4, registers: 32, flags: ['-mcpu=native'] }],
}
const unknownUnit: VectorUnit = { needs: [], simd: 'unknown', lanes: 4, registers: 16, flags: [] }

let known: Machine | undefined

/** Looks at the processor, once. */
export function detectMachine(): Machine {
  known ??= machineFrom(process.arch, features())
  return known
}

/** The machine that these features (as the system lists them) make. */
export function machineFrom(arch: string, features: ReadonlySet<string>): Machine {
  const unit =
    units[arch]?.find(({ needs }) => needs.every((feature) => features.has(feature))) ?? unknownUnit
  const { lanes, registers, simd, flags } = unit
  return {
    target: {
      lanes,
      registers,
      fma: arch === 'arm64' || features.has('fma'),
      l1: cacheBytes('Data', 1) ?? 32 << 10,
      l2: cacheBytes('Unified', 2) ?? 512 << 10,
    },
    simd,
    flags,
    identity: [arch, cpus()[0]?.model ?? '', ...[...features].sort()].join(' '),
  }
}

/** Features as Linux or macOS names them, in small letters: `avx2`, `avx512f`, `fma`. */
function features(): ReadonlySet<string> {
  const text = process.platform === 'darwin' ? sysctlFeatures() : linuxFeatures()
  return new Set(text.toLowerCase().split(/\s+/).filter(Boolean))
}

function linuxFeatures(): string {
  const info = readText('/proc/cpuinfo') ?? ''
  return /^(?:flags|Features)\s*:(.*)$/m.exec(info)?.[1] ?? ''
}

function sysctlFeatures(): string {
  try {
    const names = ['machdep.cpu.features', 'machdep.cpu.leaf7_features']
    return execFileSync('sysctl', ['-n', ...names], { encoding: 'utf8', stdio: 'pipe' })
  } catch {
    return '' // Apple's own processors have no such entries: NEON it is.
  }
}

/** Bytes of one core's cache, where the system tells. */
function cacheBytes(type: string, level: number): number | undefined {
  const folder = '/sys/devices/system/cpu/cpu0/cache'
  for (let index = 0; index < 8; index++) {
    const entry = (name: string) => readText(`${folder}/index${index}/${name}`)?.trim()
    if (entry('level') !== String(level) || entry('type') !== type) continue
    const size = /^(\d+)([KM])$/.exec(entry('size') ?? '')
    if (size) return Number(size[1]) << (size[2] === 'K' ? 10 : 20)
  }
  return undefined
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** The threads to use: the option, else BRICKWORK_THREADS, else all that the system grants. */
export function threadCount(option: number | undefined): number {
  const variable = process.env['BRICKWORK_THREADS']
  const wanted = option ?? (variable ? Number(variable) : availableParallelism())
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= 1024) return wanted
  throw new BrickError({
    kind: 'argument',
    where: option === undefined ? 'BRICKWORK_THREADS' : 'threads',
    got: String(option ?? variable),
    wanted: 'a whole number from 1 to 1024',
  })
}
