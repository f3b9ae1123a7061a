import type { TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import { sizeOf } from '../base/shape.ts'
import { exactNumbers, type OpName } from '../graph/attributes.ts'
import { Node } from '../graph/node.ts'
import type { Backend, Runnable, Task } from './backend.ts'
import { chooseBackend } from './choose.ts'
import { Storage } from './storage.ts'

/** A graph cut into what a backend sees (the task) and what it is about (the storages). */
export interface Work {
  readonly task: Task
  /** The storage of each buffer of the task. */
  readonly storages: readonly Storage[]
}

const MAX_RUNNABLES = 256

let backend: Promise<Backend> | undefined
/** Runs are made in order; this resolves when the last one is complete. Undefined: idle. */
let tail: Promise<void> | undefined

/** What was prepared for one backend, by the structure of the task. */
interface Prepared {
  readonly runnables: Map<string, Promise<Runnable>>
  /** Those that are ready now. */
  readonly ready: Map<string, Runnable>
}
let prepared: Prepared = { runnables: new Map(), ready: new Map() }
const preparedFor = new WeakMap<Backend, Prepared>()

/** The backend in use; the first call chooses it. */
export function currentBackend(): Promise<Backend> {
  backend ??= chooseBackend()
  return backend
}

/**
 * Uses this backend from now on. Contents move over when they are next used.
 *
 * @throws BrickError `argument` if it is no backend.
 */
export async function useBackend(next: Backend): Promise<void> {
  if (typeof next?.prepare !== 'function') {
    throw new BrickError({
      kind: 'argument',
      where: 'useBackend',
      wanted: 'a backend',
      got: typeof next === 'string' ? `'${next}'` : typeof next,
      remedy: "Make one: await useBackend(await createBackend('wasm')).",
    })
  }
  await settle()
  backend = Promise.resolve(next)
  prepared = preparedFor.get(next) ?? { runnables: new Map(), ready: new Map() }
  preparedFor.set(next, prepared)
}

/** Waits until nothing is running. */
export async function settle(): Promise<void> {
  while (tail) await tail
}

/**
 * The contents that a storage has after all that was asked for so far. Throws what made its run
 * fail. They are read at once when they are ready: the caller's next call may overwrite them.
 */
export async function contents(storage: Storage): Promise<TypedArray> {
  if (storage.busy) await storage.busy
  if (storage.failure) throw storage.failure
  return storage.read()
}

/** Whether a node was built on contents that have since been overwritten. */
function refuseStale(node: Node<'buffer'>, storage: Storage): void {
  const { version } = node.attrs
  if (version !== undefined && version !== storage.version) {
    throw new BrickError({
      kind: 'argument',
      where: node.scope || 'tensor',
      got: `a value computed lazily from a state [${node.shape}] that a compiled step has overwritten since`,
      wanted: 'the value to be asked for before the step',
      remedy: 'Await its data() first, or compute it again after the step.',
    })
  }
}

/** Values that nodes were found to have, so that they need not be computed again. */
const stored = new WeakMap<Node, Storage>()

/** Remembers that a node's value lies in a storage. */
export function remember(node: Node, storage: Storage): void {
  stored.set(node, storage)
}

/** States whose contents have not been asked for yet. They are computed along with the next value. */
const pendingStates = new Set<Storage>()

/** Leaves a state's new contents to be computed with whatever is asked for next. */
export function defer(storage: Storage, value: Node): void {
  storage.pending = value
  pendingStates.add(storage)
}

/** Takes values that will be known later in place of a node: what a buffer stands for while its contents are pending. */
function stand(node: Node, inline: boolean): Node | undefined {
  if (!inline || !node.is('buffer')) return undefined
  return (node.attrs.source as Storage).pending
}

/** Nodes to evaluate, inputs first, nothing behind what is stored already. */
function reachable(roots: readonly Node[], inline: boolean): Node[] {
  const seen = new Set<Node>(roots)
  const stack = [...seen]
  const push = (node: Node) => {
    if (seen.has(node)) return
    seen.add(node)
    stack.push(node)
  }
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (stored.has(node)) continue
    const pending = stand(node, inline)
    if (pending) push(pending)
    for (const input of node.inputs) push(input)
  }
  return [...seen].sort((a, b) => a.id - b.id)
}

/**
 * Cuts the graph of these outputs and updates into a task. With `inline`, buffers whose contents
 * are pending are replaced by the graphs of their contents.
 */
export function plan(
  outputs: readonly Node[],
  updates: readonly { readonly storage: Storage; readonly value: Node }[],
  inline: boolean,
  /** Storages that get the first slots, in this order, whether they are used or not. */
  first: readonly Node<'buffer'>[] = [],
): Work {
  const buffers: Node<'buffer'>[] = []
  const slotOf = new Map<Storage, number>()
  const replaced = new Map<Node, Node>()
  const numberOf = new Map<Node, number>()
  const keys: string[] = []
  const slot = (node: Node<'buffer'>): Node<'buffer'> => {
    const storage = node.attrs.source as Storage
    refuseStale(node, storage)
    const index = slotOf.get(storage)
    if (index !== undefined) return buffers[index]!
    slotOf.set(storage, buffers.length)
    buffers.push(node)
    numberOf.set(node, numberOf.size)
    keys.push(`buffer ${node.dtype}[${node.shape}]`)
    return node
  }
  const rebuild = (node: Node): Node => {
    const pending = stand(node, inline)
    if (pending) return replaced.get(pending)!
    const known = stored.get(node)
    if (known) return slot(bufferNode(known, node.shape))
    if (node.is('buffer')) return slot(node)
    const inputs = node.inputs.map((input) => replaced.get(input)!)
    const mine = inputs.every((input, i) => input === node.inputs[i])
      ? node
      : new Node(node.op, inputs, node.attrs, node.shape, node.dtype, node.scope, node.origin)
    numberOf.set(mine, numberOf.size)
    keys.push(
      describe(
        mine,
        inputs.map((input) => numberOf.get(input)!),
      ),
    )
    return mine
  }
  for (const node of first) slot(node)
  for (const node of reachable([...outputs, ...updates.map((u) => u.value)], inline)) {
    replaced.set(node, rebuild(node))
  }
  for (const { storage, value } of updates) {
    if (!slotOf.has(storage)) slot(bufferNode(storage, value.shape))
  }
  const graph = {
    buffers,
    outputs: outputs.map((node) => replaced.get(node)!),
    updates: updates.map(({ storage, value }) => ({
      buffer: slotOf.get(storage)!,
      value: replaced.get(value)!,
    })),
  }
  keys.push(
    graph.outputs.map((node) => numberOf.get(node)).join(),
    graph.updates.map(({ buffer, value }) => `${buffer}=${numberOf.get(value)}`).join(),
  )
  return { task: { ...graph, key: keys.join(';') }, storages: [...slotOf.keys()] }
}

function describe(node: Node, inputs: readonly number[]): string {
  return `${node.op}(${inputs})${attributesKey(node)}:${node.dtype}[${node.shape}]`
}

function attributesKey(node: Node<OpName>): string {
  // A value is what it is, whatever its gradient would be: gradients are nodes of their own.
  if (node.op === 'custom') return ''
  return JSON.stringify(node.attrs, exactNumbers)
}

/** A fresh leaf for a storage, at its present version. */
export function bufferNode(
  storage: Storage,
  shape: readonly number[],
  state = false,
): Node<'buffer'> {
  const attrs = { source: storage, shape, dtype: storage.dtype }
  const versioned = state ? { ...attrs, version: storage.version } : attrs
  return new Node('buffer', [], versioned, shape, storage.dtype, '')
}

/** The runnable of a task, prepared once per structure. */
function runnableOf({ task }: Work): Promise<Runnable> {
  const { key } = task
  const { runnables, ready } = prepared
  const found = runnables.get(key)
  if (found) {
    runnables.delete(key)
    runnables.set(key, found)
    return found
  }
  const made = currentBackend().then((b) => b.prepare(task))
  runnables.set(key, made)
  made.then(
    (runnable) => ready.set(key, runnable),
    () => runnables.delete(key),
  )
  if (runnables.size > MAX_RUNNABLES) {
    const oldest = runnables.keys().next().value!
    runnables.delete(oldest)
    ready.delete(oldest)
  }
  return made
}

/**
 * Computes nodes, together with all states that are pending, after everything that was asked for
 * before. Returns their storages at once; they are complete when {@link contents} says so.
 */
export function evaluate(nodes: readonly Node[]): Storage[] {
  const states = [...pendingStates]
  const values = states.map((storage) => storage.pending!)
  const work = plan([...nodes, ...values], [], true)
  pendingStates.clear()
  for (const storage of states) storage.pending = undefined
  const fresh = nodes.map(({ dtype, shape }) => new Storage(dtype, sizeOf(shape)))
  submit(work, [...fresh, ...states])
  return fresh
}

/** Starts computing the states that are pending. */
export function evaluatePending(): void {
  if (pendingStates.size > 0) evaluate([])
}

/** Runs the work into these storages, one for each of the task's outputs. */
export function submit(work: Work, outputs: readonly Storage[]): void {
  const updated = work.task.updates.map(({ buffer }) => work.storages[buffer]!)
  for (const storage of updated) storage.version++
  if (!tail) {
    const runnable = prepared.ready.get(work.task.key)
    if (runnable && work.storages.every((storage) => !storage.failure)) {
      const running = attempt(() => runnable.run(work.storages, outputs))
      if (running) follow(running, [...outputs, ...updated])
      return
    }
  }
  const running = (tail ?? Promise.resolve()).then(async () => {
    const failed = work.storages.find((storage) => storage.failure)
    if (failed) throw failed.failure
    const runnable = await runnableOf(work)
    await runnable.run(work.storages, outputs)
  })
  follow(running, [...outputs, ...updated])
}

/** What is thrown at once fails the run's results, as what fails later does. */
function attempt(run: () => Promise<void> | undefined): Promise<void> | undefined {
  try {
    return run()
  } catch (failure) {
    return Promise.reject(failure)
  }
}

/** Marks storages as busy until the run is complete, and failed if it fails. */
function follow(running: Promise<void>, storages: readonly Storage[]): void {
  const done = running.catch((failure: unknown) => {
    for (const storage of storages) storage.failure = failure
  })
  const mine: Promise<void> = done.then(() => {
    for (const storage of storages) if (storage.busy === mine) storage.busy = undefined
    if (tail === mine) tail = undefined
  })
  for (const storage of storages) storage.busy = mine
  tail = mine
}
