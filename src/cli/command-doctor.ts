import { BrickError } from '../base/errors.ts'
import { diagnose as diagnoseNative } from '../device/native/diagnose.ts'
import { diagnose as diagnoseWasm } from '../device/wasm/features.ts'
import { backendNames } from '../tensor/choose.ts'
import type { BackendFlags } from './flags.ts'
import type { Output } from './output.ts'

interface Report {
  readonly backend: string
  readonly ok: boolean
  /** In a few words. */
  readonly summary: string
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly reason?: string | undefined
  readonly remedy?: string | undefined
}

const wasmSimd = {
  relaxed: '128 bits, relaxed (fused multiply-add)',
  simd128: '128 bits',
  none: 'none',
} as const

/**
 * Tries every backend and says what it found.
 *
 * @returns 0 if a fast backend works and is the one in use, else 1.
 * @throws BrickError `unknown` if BRICKWORK_BACKEND names none.
 */
export async function doctorCommand({ threads }: BackendFlags, output: Output): Promise<number> {
  const options = threads === undefined ? {} : { threads }
  const reports = [await nativeReport(options), wasmReport(options), interpreterReport]
  const wish = process.env['BRICKWORK_BACKEND']
  const best = wish ? reports.find(({ backend }) => backend === wish) : reports.find(({ ok }) => ok)
  if (!best) throw unknownBackend(wish!)
  output.event({ event: 'machine', ...machine() })
  for (const { facts, ...report } of reports) {
    output.event({ event: 'backend', ...report, facts: Object.fromEntries(facts) })
  }
  output.event({ event: 'choice', backend: best.backend })
  const { platform, arch, node } = machine()
  output.print(`Node ${node} on ${platform} ${arch}\n`)
  for (const report of reports) output.print(show(report, output))
  output.print(choice(best, wish, output))
  return best === interpreterReport || !best.ok ? 1 : 0
}

function choice({ backend, ok }: Report, wish: string | undefined, { colors }: Output): string {
  const name = colors.bold(backend)
  if (!wish) return `Brickwork uses ${name} here. --backend or BRICKWORK_BACKEND choose another.`
  const remedy = ok ? '' : ', which does not work: unset it'
  return `BRICKWORK_BACKEND chooses ${name} here${remedy}. --backend goes before it.`
}

function unknownBackend(name: string): BrickError {
  return new BrickError({
    kind: 'unknown',
    where: 'BRICKWORK_BACKEND',
    wanted: backendNames.join(', '),
    got: `'${name}'`,
    remedy: 'Set it to one of them, or unset it.',
  })
}

const machine = () => ({
  node: process.versions.node,
  platform: process.platform,
  arch: process.arch,
})

async function nativeReport(options: { threads?: number }): Promise<Report> {
  const found = await diagnoseNative(options)
  const { ok, compiler, version, simd, threads, cacheFolder, tuned, reason, remedy } = found
  return {
    backend: 'native',
    ok,
    summary: ok ? 'compiled, loaded and ran a program' : 'does not work',
    facts: [
      ['compiler', compiler ? `${compiler}: ${version}` : 'none found'],
      ['SIMD', simd],
      ['threads', `${threads}`],
      ['cache', cacheFolder],
      ['tiles', tuned ? 'as measured here' : 'by the table (brickwork tune measures them)'],
    ],
    reason,
    remedy,
  }
}

function wasmReport(options: { threads?: number }): Report {
  const { ok, simd, threads, shared, reason, remedy } = diagnoseWasm(options)
  return {
    backend: 'wasm',
    ok,
    summary: ok ? 'works' : 'does not work',
    facts: [
      ['SIMD', wasmSimd[simd]],
      ['threads', shared ? `${threads}` : `${threads}, without shared memory`],
    ],
    reason,
    remedy,
  }
}

const interpreterReport: Report = {
  backend: 'interpreter',
  ok: true,
  summary: 'works, slowly: for checking the others',
  facts: [],
}

function show({ backend, ok, summary, facts, reason, remedy }: Report, { colors }: Output): string {
  const mark = ok ? colors.green('✓') : colors.red('✗')
  const lines = [
    ...facts,
    ...(reason ? [[ok ? 'note' : 'reason', reason] as const] : []),
    ...(remedy ? [['remedy', remedy] as const] : []),
  ]
  const rows = lines.map(([name, value]) => `    ${colors.dim(name.padEnd(9))} ${value}`)
  return [`${mark} ${colors.bold(backend.padEnd(12))}${summary}`, ...rows, ''].join('\n')
}
