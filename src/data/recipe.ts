import { BrickError } from '../base/errors.ts'

/**
 * How another thread makes the same thing: it imports the module and calls the export. Arguments
 * are what structured clone can copy, and recipes.
 */
export interface Recipe {
  readonly brickwork: 'recipe'
  /** The module's URL. */
  readonly module: string
  /** The export: a function or a class. */
  readonly make: string
  readonly args: readonly unknown[]
}

const known = new WeakMap<object, () => Recipe>()

/** What can be made again is remembered with how; returns it. */
export function portable<T extends object>(
  value: T,
  module: string,
  make: string,
  args: () => readonly unknown[],
): T {
  known.set(value, () => ({ brickwork: 'recipe', module, make, args: args() }))
  return value
}

/**
 * The recipe of a dataset or a function.
 *
 * @throws BrickError `argument` for what only this thread has, such as a function in a closure.
 */
export function recipeOf(value: object): Recipe {
  const recipe = known.get(value)
  if (recipe) return recipe()
  const { ownRecipe } = value as { ownRecipe?: () => Recipe }
  if (ownRecipe) return ownRecipe.call(value)
  const name = (value as { name?: unknown }).name || value.constructor.name
  const what = typeof value === 'function' ? 'a function' : 'an object'
  throw new BrickError({
    kind: 'argument',
    where: 'DataLoader: workers',
    wanted: 'datasets and functions that another thread can make again',
    got: `${what} of this thread alone: ${String(name)}`,
    remedy:
      "Write it in a module and get it by data.load(new URL('./mine.js', import.meta.url), 'make').",
  })
}

/**
 * Imports a module and calls one of its exports. What it makes, a {@link Dataset} or a function
 * for `map` or `collate`, can be used by a loader with worker threads, which make it in the same
 * way.
 *
 * @param make The export's name: a function (it may be async) or a class.
 * @param args For the export; what structured clone can copy.
 * @throws BrickError `argument` if the module has no such export.
 * @example
 * ```ts
 * const flowers = await load(new URL('./flowers.js', import.meta.url), 'flowers', { size: 64 })
 * const loader = new DataLoader(flowers, { workers: 4 })
 * ```
 */
export async function load<T extends object>(
  module: URL | string,
  make = 'default',
  ...args: readonly unknown[]
): Promise<T> {
  const url = String(module)
  const made = (await call(url, make, args)) as T
  return portable(made, url, make, () => args)
}

/** Makes what a recipe says, and what its arguments say before. */
export async function revive(value: unknown): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map(revive))
  if (!isRecipe(value)) return value
  const args = await Promise.all(value.args.map(revive))
  return call(value.module, value.make, args)
}

function isRecipe(value: unknown): value is Recipe {
  return (value as Recipe | null | undefined)?.brickwork === 'recipe'
}

async function call(url: string, make: string, args: readonly unknown[]): Promise<unknown> {
  const found = ((await import(/* @vite-ignore */ url)) as Record<string, unknown>)[make]
  if (typeof found !== 'function') {
    throw new BrickError({
      kind: 'argument',
      where: url,
      wanted: `an export ${make} that is a function or a class`,
      got: typeof found,
    })
  }
  const isClass = /^class\b/.test(Function.prototype.toString.call(found))
  return isClass ? Reflect.construct(found, args) : found(...args)
}
