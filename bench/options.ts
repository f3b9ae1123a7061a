import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { isKnown } from './contestants.ts'

export interface Options {
  readonly quick: boolean
  /** Parts of the names of the workloads to run; none: all. */
  readonly only: readonly string[]
  readonly json: string | undefined
  readonly threads: number
  readonly backends: readonly string[]
  readonly peers: readonly string[]
  /** Whether the documents are brought up to date: not by quick runs, nor where somebody was left out. */
  readonly write: boolean
}

export const usage = `npm run bench -- [--quick] [--only TEXT]… [--json FILE] [--threads N]
    [--backends native,wasm] [--peers torch,openblas,tfjs,jax-js|none] [--no-write]`

/** @throws Error that says what is wrong. */
export function readOptions(args: readonly string[], peerNames: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      backends: { type: 'string' },
      peers: { type: 'string' },
      'no-write': { type: 'boolean', default: false },
    },
  })
  const threads = Number(values.threads)
  if (!Number.isInteger(threads) || threads < 1) throw new Error(`--threads ${values.threads}?`)
  const { quick, only, json } = values
  const backends = (values.backends ?? 'native,wasm').split(',')
  const peers = values.peers === 'none' ? [] : (values.peers?.split(',') ?? peerNames)
  const unknown = [...backends, ...peers].filter((name) => !isKnown(name))
  if (unknown.length) throw new Error(`nobody is called ${unknown.join(', ')}`)
  const everybody = values.backends === undefined && values.peers === undefined
  const write = everybody && !quick && !values['no-write']
  return { quick, only, json, threads, backends, peers, write }
}
