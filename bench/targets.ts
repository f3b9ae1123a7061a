import { showBytes, showShare, showTime, significant } from './format.ts'
import { againstBest, type Figures, figuresFor, type Row } from './row.ts'

/** Something that was promised, and what became of it. */
export interface Target {
  readonly about: string
  readonly wanted: string
  readonly got: string
  readonly reached: boolean
}

const backends = ['native', 'wasm'] as const
type Backend = (typeof backends)[number]

/** How many times as fast as the best peer (or the one named) a workload is to be, with all threads. */
interface SpeedTarget extends Readonly<Record<Backend, number>> {
  readonly workload: RegExp
  readonly peer?: string
}

const speedTargets: readonly SpeedTarget[] = [
  { workload: /^GEMM (1024|2048)$/, native: 0.95, wasm: 0.45, peer: 'openblas' },
  { workload: /^conv 3×3 .* forward \+ backward$/, native: 1.1, wasm: 0.45 },
  { workload: /^(softmax|layer norm|batch norm|12 elementwise)/, native: 1.5, wasm: 1 },
  { workload: /^train MLP (2-8-8-2|784-10-10),/, native: 20, wasm: 10 },
  { workload: /^train (MLP 784-1568-10|LeNet)/, native: 2.5, wasm: 1.2 },
  { workload: /^train (VGG|AlexNet|ResNet)/, native: 1.2, wasm: 0.5 },
  { workload: /^train char LSTM/, native: 2, wasm: 1 },
]

/** The share of the machine's multiply-adds or bandwidth, native, with all threads. */
const shareTargets: readonly { readonly workload: RegExp; readonly share: number }[] = [
  { workload: /^GEMM (1024|2048)$/, share: 0.85 },
  { workload: /^(softmax|layer norm|batch norm|12 elementwise)/, share: 0.8 },
]

/** Odd shapes beside their round neighbours. */
const neighbours: Readonly<Record<string, string>> = {
  'GEMM 250': 'GEMM 256',
  'GEMM 255': 'GEMM 256',
  'GEMM 1000': 'GEMM 1024',
}
const NEIGHBOUR_RATE = 0.85

/** Calls that take longer are to gain from threads. */
const WORTH_THREADS = 5
const THREAD_GAIN = 0.9

/** Seconds to the first result with nothing compiled before, and from a warm cache. */
const firstTargets = [
  { workload: /^train LeNet/, native: 2, wasm: 1, warm: 0.1 },
  { workload: /^train ResNet-18/, native: 15, wasm: 5 },
] as const

/** A backend's figures with all threads. */
export const atMost = (row: Row, name: string): Figures | undefined =>
  figuresFor(row, { name, threads: row.about.threads })

/** The speed that a row is to have on a backend, and what it has, if anybody was there to compare. */
export function speedTarget(row: Row, backend: Backend): (Target & { ratio: number }) | undefined {
  const target = speedTargets.find(({ workload }) => workload.test(row.workload))
  const figures = atMost(row, backend)
  if (!target || !figures) return undefined
  const named = target.peer && figures.ratios?.[target.peer]
  const best = target.peer ? named && { peer: target.peer, ratio: named } : againstBest(figures)
  if (!best) return undefined
  return {
    about: `${row.workload}: ${backend} against ${best.peer}`,
    wanted: `≥ ${target[backend]}`,
    got: `×${significant(best.ratio)}`,
    reached: best.ratio >= target[backend],
    ratio: best.ratio,
  }
}

const speeds = (rows: readonly Row[]): Target[] =>
  rows.flatMap((row) => backends.flatMap((backend) => speedTarget(row, backend) ?? []))

const shares = (rows: readonly Row[]): Target[] =>
  rows.flatMap((row) => {
    const target = shareTargets.find(({ workload }) => workload.test(row.workload))
    const share = atMost(row, 'native')?.ofLimit
    if (!target || share === undefined) return []
    const of = row.unit === 'GB/s' ? 'bandwidth' : 'multiply-add peak'
    return {
      about: `${row.workload}: native, share of the ${of}`,
      wanted: `≥ ${showShare(target.share)}`,
      got: showShare(share),
      reached: share >= target.share,
    }
  })

const oddShapes = (rows: readonly Row[]): Target[] =>
  Object.entries(neighbours).flatMap(([odd, round]) =>
    backends.flatMap((backend) => {
      const [a, b] = [odd, round].map((name) => {
        const row = rows.find(({ workload }) => workload === name)
        return row && atMost(row, backend)?.rate
      })
      if (!a || !b) return []
      return {
        about: `${odd}: ${backend}, rate beside ${round}`,
        wanted: `≥ ${showShare(NEIGHBOUR_RATE)}`,
        got: showShare(a / b),
        reached: a / b >= NEIGHBOUR_RATE,
      }
    }),
  )

/** One line a backend: how many workloads gain enough, and which one gains least. */
const threading = (rows: readonly Row[]): Target[] =>
  backends.flatMap((backend) => {
    const gains = rows.flatMap((row) => {
      const one = figuresFor(row, { name: backend, threads: 1 })
      const all = atMost(row, backend)
      if (!one || !all || row.about.threads === 1 || one.milliseconds < WORTH_THREADS) return []
      const gain = one.milliseconds / all.milliseconds
      return { row, gain, reached: gain >= THREAD_GAIN * row.about.threads }
    })
    if (gains.length === 0) return []
    const enough = gains.filter(({ reached }) => reached).length
    const least = gains.reduce((a, b) => (b.gain < a.gain ? b : a))
    return {
      about: `all threads against one, ${backend}, calls above ${WORTH_THREADS} ms`,
      wanted: `≥ ${THREAD_GAIN} of their number`,
      got: `${enough} of ${gains.length}; least ×${significant(least.gain)}, ${least.row.workload}`,
      reached: enough === gains.length,
    }
  })

const memory = (rows: readonly Row[]): Target[] =>
  rows
    .filter(({ workload }) => workload.startsWith('train '))
    .flatMap((row) =>
      backends.flatMap((backend) => {
        const ours = atMost(row, backend)?.bytes
        const theirs = leastBytes(row, 'torch')
        if (!ours || !theirs) return []
        return {
          about: `${row.workload}: ${backend}, peak memory`,
          wanted: `≤ ${showBytes(theirs)} (PyTorch)`,
          got: showBytes(ours),
          reached: ours <= theirs,
        }
      }),
    )

/** The least that a contestant took, with any number of threads. */
export function leastBytes({ figures }: Row, name: string): number | undefined {
  const all = figures.flatMap((f) => (f.name === name && f.bytes !== null ? f.bytes : []))
  return all.length ? Math.min(...all) : undefined
}

function limitOn(about: string, seconds: number, milliseconds: number | undefined): Target[] {
  if (milliseconds === undefined) return []
  const wanted = `< ${showTime(seconds * 1000)}`
  const reached = milliseconds < seconds * 1000
  return [{ about, wanted, got: showTime(milliseconds), reached }]
}

const firstCalls = (rows: readonly Row[]): Target[] =>
  rows.flatMap((row) => {
    const target = firstTargets.find(({ workload }) => workload.test(row.workload))
    if (!target) return []
    const native = atMost(row, 'native')
    const { workload } = row
    return [
      ...limitOn(`${workload}: first step, native, empty cache`, target.native, native?.first),
      ...('warm' in target
        ? limitOn(`${workload}: first step, native, warm cache`, target.warm, native?.firstWarm)
        : []),
      ...limitOn(`${workload}: first step, wasm`, target.wasm, atMost(row, 'wasm')?.first),
    ]
  })

/** All targets that these rows say something about. */
export function targetsOf(rows: readonly Row[]): Target[] {
  return [speeds, shares, oddShapes, threading, memory, firstCalls].flatMap((f) => f(rows))
}

/** A short report, the missed ones first. */
export function showTargets(targets: readonly Target[]): string {
  const reached = targets.filter((t) => t.reached)
  const line = ({ about, wanted, got }: Target) => `${about}: ${got} (wanted ${wanted})`
  return [
    `targets: ${reached.length} of ${targets.length} reached`,
    ...targets.filter((t) => !t.reached).map((t) => `  missed   ${line(t)}`),
    ...reached.map((t) => `  reached  ${line(t)}`),
  ].join('\n')
}
