import { BrickError } from '../base/errors.ts'
import { sizeOf } from '../base/shape.ts'
import { make } from '../graph/make.ts'
import { type Node, topological } from '../graph/node.ts'
import {
  bufferNode,
  evaluate,
  evaluatePending,
  plan,
  remember,
  submit,
  type Work,
} from './engine.ts'
import { Storage } from './storage.ts'
import { ownerOf, Tensor } from './tensor.ts'
import { traced } from './trace.ts'

/** What a compiled function may return: a tensor, several, named ones, or nothing. */
export type Result =
  | Tensor
  | readonly Tensor[]
  | { readonly [name: string]: Tensor }
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: functions that only update states return nothing.
  | void

interface Version {
  readonly work: Work
  /** Shape and dtype of each output tensor. */
  readonly outputs: readonly Node[]
  /** States and other storages that the function reads or updates besides its arguments. */
  readonly captured: readonly (Tensor | Storage)[]
  /** Which of the states wanted gradients, so that freezing one is noticed. */
  readonly flags: readonly (readonly [state: Tensor, requiresGrad: boolean])[]
  /** Puts output tensors where the function returned them. */
  rebuild(tensors: readonly Tensor[]): Result
}

const MAX_VERSIONS = 64

/**
 * A function of tensors as one program: it is run once to see what it does, forward, backward and
 * the assignments to states, and then replayed with one call into the backend. New shapes or
 * dtypes of the arguments are compiled anew and kept, and so is what a frozen or thawed state makes
 * of it. Anything else that the function looks at (numbers, flags) is taken as it was at the first
 * call.
 *
 * @example
 * ```ts
 * const step = compile((x: Tensor, y: Tensor) => {
 *   const loss = crossEntropy(model.forward(x), y)
 *   optimizer.step(grad(loss, model.parameters()))
 *   return loss
 * })
 * const loss = await step(x, y).item()
 * ```
 */
export function compile<A extends readonly Tensor[], R extends Result>(
  fn: (...args: A) => R,
): (...args: A) => R {
  if (typeof fn !== 'function') throw refused('a function', typeof fn)
  const versions = new Map<string, Version[]>()
  return (...args) => {
    const key = args.map((a) => signature(a)).join(';')
    const known = versions.get(key) ?? []
    let version = known.find(isCurrent)
    if (!version) {
      version = trace(fn as unknown as (...args: Tensor[]) => Result, args)
      versions.set(key, [...known.slice(1 - MAX_VERSIONS), version])
      if (versions.size > MAX_VERSIONS) versions.delete(versions.keys().next().value!)
    }
    return replay(version, args) as R
  }
}

const isCurrent = ({ flags }: Version): boolean =>
  flags.every(([state, requiresGrad]) => state.requiresGrad === requiresGrad)

function signature(argument: unknown): string {
  if (argument instanceof Tensor) return `${argument.dtype}[${argument.shape}]`
  throw refused(
    'tensors',
    `an argument of type ${typeof argument}`,
    'Pass numbers that change as tensors: tensor(0.1); others are captured from outside.',
  )
}

function refused(wanted: string, got: string, remedy?: string): BrickError {
  const parts = { kind: 'argument', where: 'compile', wanted, got } as const
  return new BrickError(remedy === undefined ? parts : { ...parts, remedy })
}

function trace(fn: (...args: Tensor[]) => Result, args: readonly Tensor[]): Version {
  const start = make('constant', [], { value: 0, shape: [], dtype: 'f32' })
  const stand = args.map(({ dtype, shape }) => bufferNode(new Storage(dtype, sizeOf(shape)), shape))
  const { trace, result } = traced(() => {
    const { tensors, rebuild } = unpack(fn(...stand.map((node) => new Tensor(node))))
    return { outputs: tensors.map((t) => t.node), rebuild }
  })
  const { outputs, rebuild } = result
  const updates = [...trace.updates].map(([storage, value]) => ({ storage, value }))
  fixOlder([...outputs, ...updates.map(({ value }) => value)], start)
  const work = plan(outputs, updates, false, stand)
  // A state is followed, not its present storage: assigning to it outside gives it another one.
  const captured = work.storages.slice(args.length).map((storage) => {
    const owner = ownerOf(storage)
    return owner?.storage === storage ? owner : storage
  })
  const flags = captured.flatMap((held) =>
    held instanceof Tensor ? [[held, held.requiresGrad] as const] : [],
  )
  return { work, outputs, captured, flags, rebuild }
}

/**
 * What was computed from states before the function ran is taken as it is now. As a part of the
 * program it would follow the states: noise drawn outside would be drawn anew at each call.
 */
function fixOlder(roots: readonly Node[], start: Node): void {
  const nodes = topological(roots)
  const varying = new Set<Node>()
  for (const node of nodes) {
    if (node.id > start.id) break
    const isState = node.is('buffer') && node.attrs.version !== undefined
    if (isState || node.inputs.some((input) => varying.has(input))) varying.add(node)
  }
  const isOlder = (node: Node) => varying.has(node) && !node.is('buffer')
  const used = nodes.flatMap((node) => (node.id > start.id ? node.inputs : []))
  const older = [...new Set([...roots, ...used])].filter(isOlder)
  if (older.length === 0) return
  evaluate(older).forEach((storage, i) => {
    remember(older[i]!, storage)
  })
}

/**
 * What a function of tensors of these types does, without running any of it: the task, whose buffers
 * are the arguments and then what it reads besides.
 */
export function traceOnly(
  fn: (...args: Tensor[]) => Result,
  args: readonly Tensor[],
): { task: Work['task']; outputs: readonly Node[]; captured: readonly (Tensor | Storage)[] } {
  const { work, outputs, captured } = trace(fn, args)
  return { task: work.task, outputs, captured }
}

function unpack(result: Result): { tensors: readonly Tensor[]; rebuild: Version['rebuild'] } {
  if (result === undefined) return { tensors: [], rebuild: () => undefined }
  if (result instanceof Tensor) return { tensors: [result], rebuild: ([t]) => t }
  if (result instanceof Promise) {
    // What it is rejected with says the same less clearly.
    result.catch(() => {})
    const remedy = 'Make it a plain function, and await its result outside.'
    throw refused('a function that returns tensors', 'an async one', remedy)
  }
  if (typeof result !== 'object' || result === null) {
    throw refused('a function that returns tensors', `${result} as the result`)
  }
  const entries = Object.entries(result as { readonly [name: string]: Tensor })
  const bad = entries.find(([, value]) => !(value instanceof Tensor))
  if (bad) throw refused('tensors only', `'${bad[0]}' of type ${typeof bad[1]} in the result`)
  if (Array.isArray(result)) return { tensors: result, rebuild: (tensors) => tensors }
  const names = entries.map(([name]) => name)
  return {
    tensors: entries.map(([, value]) => value),
    rebuild: (tensors) => Object.fromEntries(names.map((name, i) => [name, tensors[i]!])),
  }
}

function replay(version: Version, args: readonly Tensor[]): Result {
  evaluatePending()
  const given = args.map((argument) => argument.realize())
  const { work } = version
  const rest = version.captured.map((held) => (held instanceof Tensor ? held.storage! : held))
  const storages = [...given, ...rest]
  args.forEach(({ isState }, i) => {
    // The function sees its argument as it is now, whatever it assigns to the same state.
    if (isState && work.task.updates.some(({ buffer }) => storages[buffer] === given[i]))
      storages[i] = copyOf(args[i]!)
  })
  const outputs = version.outputs.map(({ dtype, shape }) => new Storage(dtype, sizeOf(shape)))
  submit({ ...work, storages }, outputs)
  return version.rebuild(
    outputs.map((storage, i) => new Tensor(bufferNode(storage, version.outputs[i]!.shape))),
  )
}

function copyOf(state: Tensor): Storage {
  return evaluate([make('reshape', [state.node], { shape: state.shape })])[0]!
}
