import type { Module } from '../nn/module/module.ts'
import { clipByNorm } from '../optim/clip.ts'
import type { EMA } from '../optim/ema.ts'
import type { Gradients, Optimizer } from '../optim/optimizer.ts'
import { compile } from '../tensor/compile.ts'
import { cat } from '../tensor/functions.ts'
import { Tensor } from '../tensor/tensor.ts'
import type { Accumulator } from './accumulator.ts'
import type { ClassCheck } from './class-check.ts'
import { LayerWatch } from './layer-statistics.ts'
import type { Settings } from './options.ts'
import { detached } from './outputs.ts'
import { lossOf, type Tally } from './tally.ts'

/** What a step does besides forward and backward. Each combination is a program of its own. */
export interface StepKind {
  /** Whether the parameters are updated, or gradients gathered only. */
  readonly updates: boolean
  /** Whether layers are measured. */
  readonly measures: boolean
}

/** Inputs, targets and, for mixing, the step's random numbers. */
export type StepArguments = readonly [x: Tensor, y: Tensor, drawn?: Tensor]

interface Parts {
  readonly model: Module
  readonly optimizer: Optimizer
  readonly settings: Settings
  readonly tally: Tally
  readonly accumulator: Accumulator | undefined
  readonly ema: EMA | undefined
  readonly classes: ClassCheck
}

/** The steps of a run, compiled when they are first made. */
export class Steps {
  readonly layers: LayerWatch
  readonly #parts: Parts
  #rest: (() => void) | undefined
  readonly #programs = new Map<string, (...args: Tensor[]) => Tensor>()

  constructor(parts: Parts) {
    this.#parts = parts
    this.layers = new LayerWatch(parts.model)
  }

  /** Makes a step: [the tally's part, the layers' part]. */
  run(kind: StepKind, args: StepArguments): Tensor {
    const key = `${kind.updates} ${kind.measures}`
    const given = args.filter((argument) => argument !== undefined)
    let program = this.#programs.get(key)
    if (!program) {
      program = compile((...traced: Tensor[]) =>
        this.body(kind, traced as unknown as StepArguments),
      )
      this.#programs.set(key, program)
    }
    return program(...given)
  }

  /** The step itself, not compiled. */
  body(kind: StepKind, [inputs, targets, drawn]: StepArguments): Tensor {
    const { model, optimizer, settings, tally, accumulator } = this.#parts
    const { mix, loss } = settings
    const [x, y] = mix && drawn ? mix.apply(inputs, targets, drawn) : [inputs, targets]
    const forward = () => model.forward(x)
    const output = kind.measures ? this.layers.watching(forward) : forward()
    if (output instanceof Tensor) this.#parts.classes.output = output.shape
    const value = lossOf(loss, output, y)
    value.backward()
    const gradients = optimizer.parameters.map((p) => (p.requiresGrad ? p.grad : undefined))
    const measured = kind.measures ? this.layers.pack(optimizer, gradients) : undefined
    const examples = inputs.shape[0]!
    if (kind.updates) this.#update(accumulator?.take(gradients, examples) ?? gradients)
    else accumulator?.add(gradients, examples)
    const packed = tally.pack(value.detach(), detached(output), y)
    return measured ? cat([packed, measured]) : packed
  }

  #update(gradients: Gradients): void {
    const { optimizer, settings, ema } = this.#parts
    optimizer.step(clipped(gradients, settings))
    ema?.update()
  }

  /** An update by the gradients that were gathered alone. */
  updateByRest(): void {
    const { accumulator } = this.#parts
    if (!accumulator) return
    this.#rest ??= compile(() => this.#update(accumulator.takeRest()))
    this.#rest()
  }
}

/** Gradients limited by value, then by norm, as the options say. */
function clipped(
  gradients: Gradients,
  { clipGradValue: limit, clipGradNorm }: Settings,
): Gradients {
  const limited =
    limit === undefined ? gradients : gradients.map((g) => g?.detach().clamp(-limit, limit))
  return clipGradNorm === undefined ? limited : clipByNorm(limited, clipGradNorm).gradients
}
