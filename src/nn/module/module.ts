import { type Shape, showShape } from '../../base/shape.ts'
import { zeros } from '../../tensor/create.ts'
import { noGrad } from '../../tensor/grad-mode.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { locateForward, observeCalls } from './forward.ts'
import { isParameter } from './parameter.ts'
import { type LoadOptions, type LoadReport, loadState } from './state.ts'
import type { GivenState, StateDict } from './state-dict.ts'
import { type SummaryRow, summaryTable } from './summary.ts'

/** A module, whatever its forward takes and returns. */
export type AnyModule = Module<readonly never[], unknown>

type Part = Tensor | AnyModule

/**
 * A brick: state and a forward propagation. Its parts are found by walking its fields: state
 * tensors that require gradients are parameters, other state tensors buffers, and modules (also
 * in arrays, maps and plain objects) are children. Names are the fields' names, dotted, and equal
 * PyTorch's: `features.0.weight`.
 *
 * While `forward` runs, graph nodes and errors know where in the model they come from:
 * `LeNet.conv2: expected 20 input channels, got 1 in [64, 1, 28, 28]`.
 *
 * @example
 * ```ts
 * class Net extends nn.Module {
 *   readonly hidden = new nn.Linear(2, 8)
 *   readonly out = new nn.Linear(8, 1)
 *   forward(x: Tensor): Tensor {
 *     return this.out.forward(this.hidden.forward(x).tanh())
 *   }
 * }
 * ```
 */
export abstract class Module<In extends readonly unknown[] = [x: Tensor], Out = Tensor> {
  /** Whether layers behave as in training (dropout, batch statistics). See {@link train}. */
  training = true

  constructor() {
    locateForward(new.target.prototype as object, Module.prototype)
  }

  abstract forward(...inputs: In): Out

  // the tree ---------------------------------------------------------------------------------

  /** Where parts are looked for, by name. A class overrides it to give its parts other names. */
  protected fields(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this)
  }

  private parts(): (readonly [name: string, part: Part])[] {
    return [...this.fields()].flatMap(([name, value]) => partsOf(name, value, []))
  }

  /** The modules directly inside, by name. */
  namedChildren(): [name: string, child: AnyModule][] {
    return this.parts().flatMap(([name, part]) =>
      part instanceof Module ? [[name, part] as [string, AnyModule]] : [],
    )
  }
  /** The modules directly inside. */
  children(): AnyModule[] {
    return [...new Set(this.namedChildren().map(([, child]) => child))]
  }

  /** This module (named '') and all modules inside, each once, outer ones first. */
  namedModules(): [name: string, module: AnyModule][] {
    const found = new Map<AnyModule, string>()
    const visit = (module: AnyModule, path: string): void => {
      if (found.has(module)) return
      found.set(module, path)
      for (const [name, child] of module.namedChildren())
        visit(child, path ? `${path}.${name}` : name)
    }
    visit(this, '')
    return [...found].map(([module, path]) => [path, module])
  }
  /** This module and all modules inside, each once. */
  modules(): AnyModule[] {
    return this.namedModules().map(([, module]) => module)
  }

  /** @internal The dotted name of a module inside this one. */
  pathOf(module: object): string | undefined {
    return this.namedModules().find(([, inner]) => inner === module)?.[0]
  }

  // states -----------------------------------------------------------------------------------

  /**
   * All states, parameters and buffers, under PyTorch's names. They are the module's own tensors,
   * not copies; a shared one is listed under each of its names, as in PyTorch.
   */
  stateDict(): StateDict {
    const found: StateDict = {}
    this.collect('', [], found)
    return found
  }

  /** A module's own parameters, then its buffers, then its children's; `outer` ends cycles. */
  private collect(prefix: string, outer: readonly AnyModule[], found: StateDict): void {
    if (outer.includes(this)) return
    const buffers: [string, Tensor][] = []
    for (const [name, part] of this.parts()) {
      if (part instanceof Module) continue
      if (isParameter(part)) found[prefix + name] = part
      else buffers.push([prefix + name, part])
    }
    Object.assign(found, Object.fromEntries(buffers))
    for (const [name, child] of this.namedChildren()) {
      child.collect(`${prefix}${name}.`, [...outer, this], found)
    }
  }

  /**
   * Gives the states the values of the same names, converted to their dtypes. Nothing is changed
   * if anything is wrong.
   *
   * @param options strict: refuse missing and unexpected names (default true). mapping: rules that
   * give entries of the file other names and their axes another order, see {@link StateRule}.
   * @returns The names that were missing and unexpected, with strict: false.
   * @throws BrickError `checkpoint` that lists every one of them and every wrong shape.
   * @example
   * ```ts
   * const layer = new nn.Linear(784, 10)
   * const keras = { 'dense/kernel': zeros([784, 10]), 'dense/bias': zeros([10]) }
   * layer.loadStateDict(keras, {
   *   mapping: [
   *     ['dense/kernel', 'weight', 'io -> oi'],
   *     ['dense/bias', 'bias'],
   *   ],
   * })
   * ```
   */
  loadStateDict(state: GivenState, options: LoadOptions = {}): LoadReport {
    return loadState(this.stateDict(), state, this.constructor.name, options)
  }

  /** Parameters by name; one that is shared has its first name. */
  namedParameters(): Record<string, Tensor> {
    return this.distinct(isParameter)
  }
  /** Parameters, each once, in the order of {@link namedParameters}. */
  parameters(): Tensor[] {
    return Object.values(this.namedParameters())
  }
  /** States that are not trained, by name, such as running statistics. */
  namedBuffers(): Record<string, Tensor> {
    return this.distinct((state) => !isParameter(state))
  }
  /** States that are not trained. */
  buffers(): Tensor[] {
    return Object.values(this.namedBuffers())
  }

  private distinct(keep: (state: Tensor) => boolean): Record<string, Tensor> {
    const seen = new Set<Tensor>()
    const entries = Object.entries(this.stateDict()).filter(([, state]) => {
      const fresh = !seen.has(state)
      seen.add(state)
      return fresh && keep(state)
    })
    return Object.fromEntries(entries)
  }

  // modes ------------------------------------------------------------------------------------

  /** Sets this module and all inside to training (or, with false, evaluation). */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode
    return this
  }
  /** Evaluation: dropout passes everything, batch norm uses its running statistics. */
  eval(): this {
    return this.train(false)
  }

  /** Thaws or, with false, freezes all parameters: optimisers leave frozen ones alone. */
  requiresGrad_(flag = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = flag
    return this
  }

  /** Forgets the gradients that `backward()` accumulated. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = undefined
  }

  // text -------------------------------------------------------------------------------------

  /** What `toString` shows between the brackets. */
  protected describe(): string {
    return ''
  }

  /** The tree of modules, as PyTorch prints it. */
  toString(): string {
    const lines = this.namedChildren().map(
      ([name, child]) => `  (${name}): ${child.toString().replaceAll('\n', '\n  ')}`,
    )
    const name = this.constructor.name
    return lines.length ? `${name}(\n${lines.join('\n')}\n)` : `${name}(${this.describe()})`
  }

  /**
   * A table of the layers with their output shapes and parameters. Shapes are found by building
   * the graph for an input of zeros, in evaluation mode; nothing is computed.
   *
   * @param inputs The shape of each input, with the batch dim, or a tensor like it.
   * @example
   * ```ts
   * console.log(model.summary([1, 1, 28, 28]))
   * ```
   */
  summary(...inputs: readonly (Shape | Tensor)[]): string {
    const paths = new Map<object, string>(this.namedModules().map(([path, m]) => [m, path]))
    const rows: SummaryRow[] = []
    this.evaluating(() =>
      observeCalls(
        (module, output) => {
          const path = paths.get(module)
          if (path === undefined || !(module instanceof Module) || module.children().length > 0)
            return
          rows.push({
            path,
            kind: module.constructor.name,
            output: shapeOf(output),
            parameters: count(module.parameters()),
          })
        },
        () => this.forwardAny(inputs.map((x) => (x instanceof Tensor ? x : zeros(x)))),
      ),
    )
    const all = this.parameters()
    const trainable = count(all.filter((p) => p.requiresGrad))
    return summaryTable(rows, { trainable, frozen: count(all) - trainable })
  }

  /** The caller answers for the inputs being what this module takes. */
  private forwardAny(inputs: readonly unknown[]): void {
    this.forward(...(inputs as unknown as In))
  }

  private evaluating(body: () => void): void {
    const modes = this.modules().map((module) => [module, module.training] as const)
    this.eval()
    try {
      noGrad(body)
    } finally {
      for (const [module, mode] of modes) module.training = mode
    }
  }
}

const count = (tensors: readonly Tensor[]): number => tensors.reduce((n, t) => n + t.size, 0)

/** Of one tensor, or of several in a list or by name. */
const shapeOf = (output: unknown): string =>
  (output instanceof Tensor ? [output] : Object.values(output ?? {}))
    .flatMap((o) => (o instanceof Tensor ? [showShape(o.shape)] : []))
    .join(', ')

/** The states and modules that a field holds, also inside arrays, maps and plain objects. */
function partsOf(
  name: string,
  value: unknown,
  outer: readonly unknown[],
): (readonly [name: string, part: Part])[] {
  if (value instanceof Tensor) return value.isState ? [[name, value]] : []
  if (value instanceof Module) return [[name, value]]
  const entries = outer.includes(value) ? [] : contentsOf(value)
  return entries.flatMap(([key, item]) => partsOf(`${name}.${key}`, item, [...outer, value]))
}

function contentsOf(value: unknown): (readonly [key: unknown, item: unknown])[] {
  if (Array.isArray(value)) return [...value.entries()]
  if (value instanceof Map) return [...value]
  const plain =
    typeof value === 'object' && value && Object.getPrototypeOf(value) === Object.prototype
  return plain ? Object.entries(value) : []
}
