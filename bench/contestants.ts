import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Someone who does workloads, in a process of their own for each. */
export interface Contestant {
  /** native, wasm, torch, … */
  readonly name: string
  readonly threads: number
  readonly isOurs: boolean
  /** Starts a player. */
  readonly command: readonly string[]
  /** Trains for an epoch and ends. */
  readonly epoch: readonly string[] | undefined
  readonly environment: Readonly<Record<string, string>>
}

export const contestantLabel = ({ name, threads }: Contestant): string => `${name} ×${threads}`

/** Compiled files lie in build/bench, sources in bench. */
const built = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const source = (path: string): string => built(`../../bench/${path}`)

/** A Node with relaxed SIMD: this one, else the one that `bench/package.json` brings. */
function newerNode(): string {
  const own = Number(process.versions.node.split('.')[0]) >= 22
  const installed = source('node_modules/node/bin/node')
  return own || !existsSync(installed) ? process.execPath : installed
}

const node = (path: string, file: string, ...rest: string[]): string[] => [
  path,
  '--expose-gc',
  '--enable-source-maps',
  built(file),
  ...rest,
]

interface Kind {
  readonly isOurs: boolean
  readonly command: () => readonly string[]
  readonly epoch?: (threads: number) => readonly string[]
  readonly environment?: (threads: number) => Record<string, string>
  /** Whether it can use more threads than one. */
  readonly threads: boolean
  /** How to have it, where it is missing. */
  readonly install: string
}

const python = 'python3'
const bringsPeers = 'npm --prefix bench ci'

/** Who there is. */
const kinds: { readonly [name: string]: Kind } = {
  native: {
    isOurs: true,
    command: () => node(process.execPath, 'players/ours.js', 'native'),
    epoch: (threads) => node(process.execPath, 'players/epoch.js', 'native', `${threads}`),
    threads: true,
    install: 'install a C compiler (see brickwork doctor)',
  },
  wasm: {
    isOurs: true,
    command: () => node(newerNode(), 'players/ours.js', 'wasm'),
    epoch: (threads) => node(newerNode(), 'players/epoch.js', 'wasm', `${threads}`),
    threads: true,
    install: 'see brickwork doctor',
  },
  torch: {
    isOurs: false,
    command: () => [python, source('peers/python/with_torch.py')],
    epoch: (threads) => [python, source('peers/python/epoch_with_torch.py'), `${threads}`],
    environment: (threads) => ({ OMP_NUM_THREADS: `${threads}` }),
    threads: true,
    install: 'pip install torch numpy (Debian: python3-torch)',
  },
  openblas: {
    isOurs: false,
    command: () => [python, source('peers/python/with_openblas.py')],
    environment: (threads) => ({ OPENBLAS_NUM_THREADS: `${threads}` }),
    threads: true,
    install: 'pip install numpy (Debian: python3-numpy)',
  },
  tfjs: {
    isOurs: false,
    command: () => node(newerNode(), 'peers/tfjs.js'),
    threads: false,
    install: bringsPeers,
  },
  'jax-js': {
    isOurs: false,
    command: () => node(newerNode(), 'peers/jax-js.js'),
    threads: false,
    install: bringsPeers,
  },
}

export const peerNames: readonly string[] = Object.keys(kinds).filter((n) => !kinds[n]!.isOurs)

/** Contestants of these names, at one thread and at `most`. */
export function contestants(names: readonly string[], most: number): Contestant[] {
  return names.flatMap((name) => {
    const { isOurs, command, epoch, environment, threads } = kinds[name]!
    const counts = threads ? new Set([1, most]) : [1]
    return [...counts].map((count) => ({
      name,
      threads: count,
      isOurs,
      command: command(),
      epoch: epoch?.(count),
      environment: environment?.(count) ?? {},
    }))
  })
}

export const isKnown = (name: string): boolean => Object.hasOwn(kinds, name)
export const howToInstall = (name: string): string => kinds[name]!.install
