import { BrickError } from '../../base/errors.ts'
import { refuseOption } from '../module/check.ts'
import { type AnyModule, Module } from '../module/module.ts'

function requireModules(where: string, modules: Iterable<readonly [string, unknown]>): void {
  for (const [name, module] of modules) {
    if (module instanceof Module) continue
    throw refuseOption(where, `'${name}' of type ${typeof module}`, 'modules')
  }
}

/** A container has no forward of its own: its owner calls the parts. */
function refuseForward(where: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where,
    got: 'a call of forward',
    wanted: 'calls of the modules inside',
    remedy: 'Use Sequential for modules one after the other, Parallel for modules side by side.',
  })
}

/**
 * Modules in a list, named '0', '1', …: parts of a module that calls them itself.
 *
 * @example
 * ```ts
 * const layers = new nn.ModuleList([new nn.Linear(8, 8), new nn.Linear(8, 8)])
 * let y = input
 * for (const layer of layers) y = layer.forward(y).relu()
 * ```
 */
export class ModuleList<M extends AnyModule = Module>
  extends Module<[], never>
  implements Iterable<M>
{
  private readonly list: M[]

  constructor(modules: Iterable<M> = []) {
    super()
    this.list = [...modules]
    requireModules('ModuleList', Object.entries(this.list))
  }

  forward(): never {
    throw refuseForward('ModuleList')
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return Object.entries(this.list)
  }

  get length(): number {
    return this.list.length
  }

  /** The module at a position, from the end if negative. */
  at(index: number): M {
    const module = this.list.at(index)
    if (module) return module
    throw refuseOption('ModuleList.at', `${index}`, `a position of ${this.length} modules`)
  }

  /** Adds modules at the end. */
  push(...modules: readonly M[]): this {
    requireModules('ModuleList', Object.entries(modules))
    this.list.push(...modules)
    return this
  }

  [Symbol.iterator](): Iterator<M> {
    return this.list.values()
  }
}

/**
 * Modules by name: parts of a module that calls them itself.
 *
 * @example
 * ```ts
 * const heads = new nn.ModuleDict({ digit: new nn.Linear(8, 10), parity: new nn.Linear(8, 2) })
 * heads.at('parity').forward(input).shape // [2, 2]
 * ```
 */
export class ModuleDict<M extends AnyModule = Module>
  extends Module<[], never>
  implements Iterable<[name: string, module: M]>
{
  private readonly map: Map<string, M>

  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}) {
    super()
    const pairs = Symbol.iterator in modules ? modules : Object.entries(modules as object)
    this.map = new Map(pairs as Iterable<readonly [string, M]>)
    requireModules('ModuleDict', this.map)
  }

  forward(): never {
    throw refuseForward('ModuleDict')
  }

  protected override fields(): Iterable<readonly [name: string, value: unknown]> {
    return this.map
  }

  get size(): number {
    return this.map.size
  }
  has(name: string): boolean {
    return this.map.has(name)
  }

  /** The module of a name. */
  at(name: string): M {
    const module = this.map.get(name)
    if (module) return module
    throw refuseOption('ModuleDict.at', `'${name}'`, `one of ${[...this.map.keys()].join(', ')}`)
  }

  /** Adds a module, or puts it in another's place. */
  set(name: string, module: M): this {
    requireModules('ModuleDict', [[name, module]])
    this.map.set(name, module)
    return this
  }

  [Symbol.iterator](): Iterator<[name: string, module: M]> {
    return this.map.entries()
  }
}
