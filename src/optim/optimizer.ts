import { BrickError } from '../base/errors.ts'
import { sameShape, showShape } from '../base/shape.ts'
import { type LoadReport, loadState } from '../nn/module/state.ts'
import type { GivenState, StateDict } from '../nn/module/state-dict.ts'
import { full, zeros } from '../tensor/create.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { Tensor, variable } from '../tensor/tensor.ts'
import { type CommonOptions, type Group, groupsOf, type Parameters } from './groups.ts'
import { requireNatural } from './options.ts'

/** Makes an optimiser for some parameters; what `optim.sgd(…)`, `optim.adam(…)` return. */
export type OptimizerFactory = (parameters: Parameters) => Optimizer

/** Gradients in the order of the parameters; undefined where there is none. */
export type Gradients = readonly (Tensor | undefined)[]

/**
 * Changes parameters by their gradients. All that it remembers lies in state tensors, which a
 * compiled step updates in place; so do the learning rates, so that changing them compiles nothing
 * anew. Parameters without a gradient in a step, and frozen ones, are left alone.
 *
 * Parameters may come in groups with options of their own, as in PyTorch.
 *
 * A class of one's own overrides {@link Optimizer.update}.
 *
 * @example
 * ```ts
 * const optimizer = new optim.SGD(
 *   [{ params: model.parameters() }, { params: block.parameters(), lr: 1e-3 }],
 *   { lr: 1e-2, momentum: 0.9 },
 * )
 * optimizer.groups[1].lr // 0.001
 * ```
 */
export abstract class Optimizer<Options extends CommonOptions = CommonOptions> {
  readonly groups: readonly Group<Options>[]
  /** The parameters of all groups. */
  readonly parameters: readonly Tensor[]
  /** The parameters' names; their numbers if they came as a list. */
  readonly names: readonly string[]
  /** The group of each parameter. */
  private readonly groupOf: readonly Group<Options>[]
  private readonly slots = new Map<string, ReadonlyMap<number, Tensor>>()
  private counter: Tensor | undefined

  /**
   * @param options What groups do not set for themselves.
   * @param check Refuses options, those of each group.
   */
  constructor(
    parameters: Parameters<Options>,
    options: Options,
    check: (where: string, options: Options) => void = () => {},
  ) {
    const where = new.target.name
    this.groups = groupsOf(where, parameters, options)
    for (const group of this.groups) {
      requireNatural(where, { weightDecay: group.options.weightDecay ?? 0 })
      check(where, group.options)
    }
    this.names = this.groups.flatMap(({ names }) => names)
    this.parameters = this.groups.flatMap((group) => group.parameters)
    this.groupOf = this.groups.flatMap((group) => group.parameters.map(() => group))
  }

  /**
   * The learning rate of the first group. Assigning to it sets that of all groups, from the next
   * step on, compiled or not.
   */
  get lr(): number {
    return this.groups[0]!.lr
  }
  set lr(value: number) {
    for (const group of this.groups) group.lr = value
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
      for (const group of this.groups) this.begin(group)
      active.forEach((g, i) => {
        if (g) this.update(this.parameters[i]!, g, i, this.groupOf[i]!)
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

  /** What is the same for all parameters of a group in a step, computed before their updates. */
  protected begin(_: Group<Options>): void {}

  /** Assigns the i-th parameter and its states; `g` is its gradient. */
  protected abstract update(parameter: Tensor, g: Tensor, i: number, group: Group<Options>): void

  /** Forgets the gradients that `backward()` accumulated. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.grad = undefined
  }

  // states -----------------------------------------------------------------------------------

  /**
   * A state for each parameter, of its shape, under this name in `stateDict()`.
   *
   * @param initial Its value, or that by the group's options: undefined where there is no state.
   */
  protected slot(
    name: string,
    initial: (options: Options) => number | undefined = () => 0,
  ): ReadonlyMap<number, Tensor> {
    return this.keep(name, initial, ({ shape }, value) => full(shape, value))
  }
  /** A scalar state for each parameter. */
  protected scalarSlot(name: string, initial: number): ReadonlyMap<number, Tensor> {
    return this.keep(
      name,
      () => initial,
      (_, value) => full([], value),
    )
  }

  private keep(
    name: string,
    initial: (options: Options) => number | undefined,
    make: (parameter: Tensor, value: number) => Tensor,
  ): ReadonlyMap<number, Tensor> {
    const made = new Map<number, Tensor>()
    for (const [i, parameter] of this.parameters.entries()) {
      const value = initial(this.groupOf[i]!.options)
      if (value !== undefined) made.set(i, variable(make(parameter, value)))
    }
    if (made.size > 0) this.slots.set(name, made)
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
   * its own, not copies. Options and the learning rates are not in it.
   */
  stateDict(): StateDict {
    const entries = [...this.slots].flatMap(([slot, states]) =>
      [...states].map(([i, state]) => [`${slot}.${this.names[i]}`, state] as const),
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

/** The gradient with what weight decay adds to it: g + decay · p. */
export function decayed(parameter: Tensor, g: Tensor, group: Group): Tensor {
  const decay = group.decayOf(parameter)
  return decay ? g.add(parameter.mul(decay)) : g
}

/** The parameter after decay of its own: p · (1 − lr · decay). */
export function shrunk(parameter: Tensor, group: Group): Tensor {
  const decay = group.decayOf(parameter)
  return decay ? parameter.sub(parameter.mul(group.rate.mul(decay))) : parameter
}
