import type { Digest } from './digest.ts'
import type { Spec } from './workloads/workload.ts'

/**
 * What the conductor asks of a player, a process that can do workloads in one way: one line of JSON
 * on its standard input for each request, one on its standard output for each answer. A player
 * that waits for a line does nothing else, so that the others have the machine for themselves.
 */
export type Request =
  | { readonly do: 'hello' }
  /** Sets the workload up and makes its first call. */
  | {
      readonly do: 'prepare'
      readonly workload: string
      readonly spec: Spec
      readonly threads: number
    }
  /** Calls it for at least so many milliseconds, and at least once. */
  | { readonly do: 'time'; readonly least: number }
  | { readonly do: 'memory' }
  | { readonly do: 'check' }

export interface Answers {
  /** Name and version of what computes, for people. */
  hello: { readonly version: string }
  /** Milliseconds from building the model to the end of the first call, data left aside. */
  prepare: { readonly first: number }
  /** Milliseconds of one call. */
  time: { readonly milliseconds: number }
  /** Most bytes resident since the inputs were there, less those after the imports. */
  memory: { readonly bytes: number }
  check: { readonly digests: readonly Digest[] }
}

/** Instead of an answer. `skip`: the player can't do this workload, and says why. */
export type Refusal = { readonly skip: string } | { readonly error: string }
