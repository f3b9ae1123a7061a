import { BrickError } from '../base/errors.ts'
import { sameShape, showShape } from '../base/shape.ts'
import { type GivenState, type LoadReport, loadState, type StateDict } from '../nn/state.ts'
import { full, zeros } from '../tensor/create.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { Tensor, variable } from '../tensor/tensor.ts'

/** What an optimiser trains: a list, a named record, or a module. */
export type Parameters =
  | readonly Tensor[]
  | Readonly<Record<string, Tensor>>
  | { namedParameters(): Record<string, Tensor> }

/** Makes an optimiser for some parameters; what `optim.sgd(…)`, `optim.adam(…)` return. */
export type OptimizerFactory = (parameters: Parameters) => Optimizer

/** Gradients in the order of the parameters; undefined where there is none. */
export type Gradients = readonly (Tensor | undefined)[]

/**
 * Changes parameters by their gradients. All that it remembers lies in state tensors, which a
 * compiled step updates in place; so does the learning rate, so that changing it compiles nothing
 * anew. Parameters without a gradient in a step, and frozen ones, are left alone.
 *
 * A class of one's own overrides {@link Optimizer.update}.
 */
export abstract class Optimizer {
  readonly parameters: readonly Tensor[]
  /** The parameters' names; their numbers if they came as a list. */
  readonly names: readonly string[]
  /** The learning rate as the steps see it, f32 []. */
  protected readonly rate: Tensor
  private readonly slots = new Map<string, readonly Tensor[]>()
  private counter: Tensor | undefined
  private rateNow: number

  constructor(parameters: Parameters, lr: number) {
    const named = distinct(parameters, new.target.name)
    this.names = named.map(([name]) => name)
    this.parameters = named.map(([, parameter]) => parameter)
    this.rateNow = checkRate(new.target.name, lr)
    this.rate = variable(full([], lr))
  }

  /** The learning rate. Assigning to it takes effect from the next step on, compiled or not. */
  get lr(): number {
    return this.rateNow
  }
  set lr(value: number) {
    this.rateNow = checkRate(this.constructor.name, value)
    this.rate.assign(full([], value))
  }

  /**
   * Makes one step by the gradients given, or by those that `backward()` accumulated.
   *
   * @throws BrickError `argument` for another number of gradients, `shape` for one of another shape.
   */
  step(gradients?: Gradients): void {
    const given = gradients ?? this.parameters.map((p) => p.grad)
    if (given.length !== this.parameters.length) {
      throw new BrickError({
        kind: 'argument',
        where: `${this.constructor.name}.step`,
        got: `${given.length} gradients`,
        wanted: `${this.parameters.length}, one for each parameter`,
        remedy: 'Use grad(loss, optimizer.parameters).',
      })
    }
    const active = this.parameters.map((p, i) => (p.requiresGrad ? given[i]?.detach() : undefined))
    active.forEach((g, i) => {
      this.checkShape(g, i)
    })
    if (active.every((g) => g === undefined)) return
    noGrad(() => {
      this.count(active)
      this.begin()
      active.forEach((g, i) => {
        if (g) this.update(this.parameters[i]!, g, i)
      })
    })
  }

  private checkShape(g: Tensor | undefined, i: number): void {
    const { shape } = this.parameters[i]!
    if (!g || sameShape(g.shape, shape)) return
    throw new BrickError({
      kind: 'shape',
      where: `${this.constructor.name}.step (${this.names[i]})`,
      got: `a gradient ${showShape(g.shape)}`,
      wanted: `the parameter's shape ${showShape(shape)}`,
    })
  }

  /** What is the same for all parameters of a step, computed before their updates. */
  protected begin(): void {}

  /** Assigns the i-th parameter and its states; `g` is its gradient. */
  protected abstract update(parameter: Tensor, g: Tensor, i: number): void

  /** Forgets the gradients that `backward()` accumulated. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.grad = undefined
  }

  // states -----------------------------------------------------------------------------------

  /** A state for each parameter, of its shape, under this name in `stateDict()`. */
  protected slot(name: string, initial = 0): readonly Tensor[] {
    return this.keep(name, (parameter) => full(parameter.shape, initial))
  }
  /** A scalar state for each parameter. */
  protected scalarSlot(name: string, initial: number): readonly Tensor[] {
    return this.keep(name, () => full([], initial))
  }

  private keep(name: string, initial: (parameter: Tensor) => Tensor): readonly Tensor[] {
    const made = this.parameters.map((parameter) => variable(initial(parameter)))
    this.slots.set(name, made)
    return made
  }

  /** Counts each parameter's steps; {@link steps} has them. */
  protected counting(): void {
    this.counter = variable(zeros([this.parameters.length], 'i32'))
  }

  private count(active: Gradients): void {
    const made = Int32Array.from(active, (g) => Number(g !== undefined))
    const all = made.every((n) => n === 1)
    this.counter?.assign(this.counter.add(all ? 1 : Tensor.of(made, [made.length], 'i32')))
  }

  /** Steps that each parameter has made, with the present one: f32 [parameters]. */
  protected get steps(): Tensor {
    if (!this.counter) this.counting()
    return this.counter!.to('f32')
  }

  /**
   * What the optimiser remembers, for a checkpoint: `exp_avg.0.weight`, `step`, … The tensors are
   * its own, not copies. Options and the learning rate are not in it.
   */
  stateDict(): StateDict {
    const entries = [...this.slots].flatMap(([slot, states]) =>
      states.map((state, i) => [`${slot}.${this.names[i]}`, state] as const),
    )
    return Object.fromEntries(this.counter ? [['step', this.counter], ...entries] : entries)
  }

  /**
   * Continues from a `stateDict()` of an optimiser of the same kind.
   *
   * @throws BrickError `checkpoint` that lists missing and unexpected names and wrong shapes.
   */
  loadStateDict(state: GivenState): LoadReport {
    return loadState(this.stateDict(), state, this.constructor.name)
  }
}

function distinct(parameters: Parameters, where: string): [name: string, parameter: Tensor][] {
  const named = entriesOf(parameters)
  const seen = new Set<Tensor>()
  const kept = named.filter(([name, parameter]) => {
    if (!(parameter instanceof Tensor) || !parameter.isState || parameter.dtype !== 'f32') {
      throw new BrickError({
        kind: 'argument',
        where,
        got: `${name}, which is no state of f32`,
        wanted: 'parameters',
        remedy: 'Pass model.parameters(), or make them with variable(…, true).',
      })
    }
    const fresh = !seen.has(parameter)
    seen.add(parameter)
    return fresh
  })
  if (kept.length > 0) return kept
  throw new BrickError({
    kind: 'argument',
    where,
    got: 'no parameters',
    wanted: 'at least one',
    remedy: 'A module finds parameters in its fields: are the layers stored in fields?',
  })
}

function entriesOf(parameters: Parameters): [name: string, parameter: Tensor][] {
  if (Array.isArray(parameters)) return (parameters as readonly Tensor[]).map((p, i) => [`${i}`, p])
  const { namedParameters } = parameters as { namedParameters?: unknown }
  return typeof namedParameters === 'function'
    ? Object.entries(
        (parameters as { namedParameters(): Record<string, Tensor> }).namedParameters(),
      )
    : Object.entries(parameters as Readonly<Record<string, Tensor>>)
}

function checkRate(where: string, lr: number): number {
  return requireRange(where, 'lr', lr, (v) => v >= 0, 'a learning rate ≥ 0')
}

/** The value, if it is a number that the test accepts. */
export function requireRange(
  where: string,
  name: string,
  value: number,
  accepts: (value: number) => boolean,
  wanted: string,
): number {
  if (Number.isFinite(value) && accepts(value)) return value
  throw new BrickError({ kind: 'argument', where, got: `${name} = ${value}`, wanted })
}
