import { observeCalls } from '../nn/module/forward.ts'
import type { Module } from '../nn/module/module.ts'
import type { Gradients, Optimizer } from '../optim/optimizer.ts'
import { cat } from '../tensor/functions.ts'
import { Tensor } from '../tensor/tensor.ts'

/** How the elements of a tensor are spread. */
export interface Spread {
  readonly mean: number
  readonly std: number
  /** The largest |element|. */
  readonly largest: number
  /** The share of elements that are 0: units that are silent after a ReLU. */
  readonly zeros: number
}

/** What a step looked like inside: spreads by layer and by parameter. */
export interface LayerStatistics {
  /** Outputs of the layers that hold no others. */
  readonly activations: Readonly<Record<string, Spread>>
  /** Before clipping; accumulated ones are those of the last batch. */
  readonly gradients: Readonly<Record<string, Spread>>
  /** Before the step. */
  readonly weights: Readonly<Record<string, Spread>>
}

const KINDS = ['activations', 'gradients', 'weights'] as const
const NUMBERS = 4

type Entry = readonly [kind: (typeof KINDS)[number], name: string, value: Tensor]

/** [4]: mean, standard deviation, largest size and share of zeros. */
function spreadOf(value: Tensor): Tensor {
  const x = value.detach().flatten()
  const mean = x.mean()
  const parts = [mean, x.sub(mean).square().mean().sqrt(), x.abs().max(), x.eq(0).to('f32').mean()]
  return cat(parts.map((part) => part.reshape([1])))
}

/** Gathers the statistics of a step while it is traced, and reads what it gave. */
export class LayerWatch {
  readonly #model: Module
  #names: (readonly [kind: (typeof KINDS)[number], name: string])[] = []
  #activations: Entry[] = []

  constructor(model: Module) {
    this.#model = model
  }

  /** Runs a forward pass and keeps the outputs of all innermost layers. */
  watching<T>(forward: () => T): T {
    const paths = new Map<object, string>(this.#model.namedModules().map(([path, m]) => [m, path]))
    const calls = new Map<string, number>()
    this.#activations = []
    return observeCalls((module, output) => {
      const path = paths.get(module)
      const isLayer = path !== undefined && (module as Module).children().length === 0
      if (!isLayer || !(output instanceof Tensor) || output.dtype !== 'f32') return
      const call = (calls.get(path) ?? 0) + 1
      calls.set(path, call)
      this.#activations.push(['activations', call > 1 ? `${path}#${call}` : path, output])
    }, forward)
  }

  /** All spreads as one tensor [4 · values]. */
  pack(optimizer: Optimizer, gradients: Gradients): Tensor {
    const { names, parameters } = optimizer
    const entries: Entry[] = [
      ...this.#activations,
      ...gradients.flatMap((g, i): Entry[] => (g ? [['gradients', names[i]!, g]] : [])),
      ...parameters.map((p, i): Entry => ['weights', names[i]!, p]),
    ]
    this.#activations = []
    this.#names = entries.map(([kind, name]) => [kind, name])
    return cat(entries.map(([, , value]) => spreadOf(value)))
  }

  /** What a packed tensor says. */
  read(values: ArrayLike<number>, from: number): LayerStatistics {
    const found = { activations: {}, gradients: {}, weights: {} } as Record<
      (typeof KINDS)[number],
      Record<string, Spread>
    >
    this.#names.forEach(([kind, name], i) => {
      const [mean, std, largest, zeros] = Array.from(
        { length: NUMBERS },
        (_, k) => values[from + NUMBERS * i + k]!,
      ) as [number, number, number, number]
      found[kind][name] = { mean, std, largest, zeros }
    })
    return found
  }
}
