import { BrickError } from '../../base/errors.ts'
import { currentScope, inScope } from '../../graph/make.ts'

/** What a call needs to know of a module to say where in the model it is. */
export interface Place {
  /** The dotted name of a module within this one. */
  pathOf(module: object): string | undefined
}

/** Is told of each call of a module, when it is complete. */
export type CallListener = (module: object, output: unknown, inputs: readonly unknown[]) => void

type Forward = (this: Place, ...inputs: unknown[]) => unknown

/** The modules whose forward is under way, outermost first. */
const active: Place[] = []
const listeners: CallListener[] = []
const prepared = new WeakSet<object>()
const names = new WeakMap<object, WeakMap<object, string>>()
/** Errors that say already where they come from. */
const located = new WeakSet<BrickError>()

/**
 * Makes `forward` of a class, and of the classes below `base` that it extends, report where in the
 * model it runs: graph nodes carry the module's path, and an error names it once. Done once a class.
 */
export function locateForward(prototype: object, base: object): void {
  for (let p = prototype; p !== base && !prepared.has(p); p = Object.getPrototypeOf(p) as object) {
    prepared.add(p)
    const own = Object.getOwnPropertyDescriptor(p, 'forward')
    if (typeof own?.value !== 'function') continue
    const forward = own.value as Forward
    const value: Forward = function (...given) {
      // A call of super.forward is no further step into the model.
      if (active.at(-1) === this) return forward.apply(this, given)
      const inputs = (replaced.get(this) ?? given) as unknown[]
      return enter(this, inputs, () => forward.apply(this, inputs))
    }
    Object.defineProperty(p, 'forward', { ...own, value })
  }
}

/** Inputs that a module gets in place of those that it is called with. */
const replaced = new Map<object, readonly unknown[]>()

/**
 * Runs `body`, in which a module gets these inputs whatever it is called with: what comes before it
 * in the model is then of no consequence, and not computed.
 */
export function replaceInputs<T>(module: object, inputs: readonly unknown[], body: () => T): T {
  replaced.set(module, inputs)
  try {
    return body()
  } finally {
    replaced.delete(module)
  }
}

/** Runs `body` and tells `listener` of each module's output. */
export function observeCalls<T>(listener: CallListener, body: () => T): T {
  listeners.push(listener)
  try {
    return body()
  } finally {
    listeners.splice(listeners.indexOf(listener), 1)
  }
}

function enter<T>(module: Place, inputs: readonly unknown[], run: () => T): T {
  const name = nameWithin(active.at(-1), module)
  active.push(module)
  try {
    const output = inScope(name, () => locating(run))
    for (const listener of listeners) listener(module, output, inputs)
    return output
  } finally {
    active.pop()
  }
}

function locating<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof BrickError) || located.has(error)) throw error
    const scope = currentScope()
    const placed = error.where === scope ? error : error.within(scope)
    located.add(placed)
    throw placed
  }
}

/** `conv2` or `features.0` in the module around it; a class name where there is none. */
function nameWithin(outer: Place | undefined, module: Place): string {
  if (!outer) return module.constructor.name || 'Module'
  const known = names.get(outer) ?? new WeakMap<object, string>()
  names.set(outer, known)
  const name = known.get(module) ?? outer.pathOf(module) ?? module.constructor.name
  known.set(module, name)
  return name
}
