import type { Tensor } from '../../src/index.ts'
import type { Stopwatch } from '../statistics.ts'

/** A network, for whoever builds it. */
export type ModelSpec =
  | { readonly name: 'mlp'; readonly sizes: readonly number[] }
  /** Reads and predicts tokens of an alphabet. */
  | { readonly name: 'charlstm'; readonly alphabet: number; readonly hidden: number }
  | { readonly name: 'lenet' | 'vgg' | 'alexnet' | 'resnet18' | 'squeezenet' }

export type OptimizerSpec =
  | { readonly name: 'sgd'; readonly lr: number; readonly momentum: number }
  | { readonly name: 'adam'; readonly lr: number }

/** What is to be computed, for peers in other languages. */
export type Spec =
  | { readonly kind: 'gemm'; readonly m: number; readonly n: number; readonly k: number }
  | {
      readonly kind: 'convolution'
      /** [N, C, H, W] */
      readonly input: readonly [number, number, number, number]
      /** [K, C / groups, R, S] */
      readonly weight: readonly [number, number, number, number]
      readonly stride: number
      readonly padding: number
      readonly groups: number
      readonly backward: boolean
    }
  | {
      readonly kind: 'softmax' | 'layerNorm' | 'batchNorm' | 'chain'
      readonly shape: readonly number[]
    }
  | { readonly kind: 'sum'; readonly shape: readonly number[]; readonly axis: number }
  | {
      readonly kind: 'training'
      readonly model: ModelSpec
      readonly optimizer: OptimizerSpec
      /** Of a `charlstm`: tokens, [batch, T], one target each. */
      readonly input: readonly number[]
      readonly classes: number
      /** Steps whose losses are compared. */
      readonly steps: number
    }
  | { readonly kind: 'inference'; readonly model: ModelSpec; readonly input: readonly number[] }

/** A workload that stands ready. */
export interface Prepared {
  /** One call; a short one is called often before it is waited for. */
  call(): Tensor | readonly Tensor[]
  /** How many of the first calls' results are compared; by default, those of one call at the end. */
  readonly compared?: number
}

/** What is timed, for people and for the table. */
export interface Described {
  readonly name: string
  /** Multiplications and additions of the contractions in one call; 0 where overhead is the point. */
  readonly flops: number
  /** Bytes that one call must read and write at least, where that is the point; else 0. */
  readonly bytes: number
  /** Largest relative difference from a peer's result (see {@link difference}). */
  readonly tolerance: number
}

/** Something to time. */
export interface Workload extends Described {
  readonly spec: Spec
  /** Whether its bytes are only read, all but a few. */
  readonly onlyReads?: boolean
  /** Sets it up on the present backend. `first` counts what belongs to the first call's time. */
  prepare(first: Stopwatch): Prepared | Promise<Prepared>
}
