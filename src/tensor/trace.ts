import { BrickError } from '../base/errors.ts'
import type { Node } from '../graph/node.ts'
import type { Storage } from './storage.ts'

/** What happens while `compile` runs a function once to see what it does. */
export class Trace {
  /** The value of each state that was assigned so far. */
  readonly updates = new Map<Storage, Node>()
  /** The states that assigned values belong to, those of earlier assignments too. */
  private readonly states = new Map<Node, Storage>()
  /** Gradients that `backward()` left, by tensor; they end with the trace. */
  readonly gradients = new Map<object, unknown>()
  /** The key that each random generator began with. */
  readonly keys = new Map<object, Node>()
  /** Random draws so far. */
  draws = 0

  assign(storage: Storage, value: Node): void {
    this.updates.set(storage, value)
    this.states.set(value, storage)
  }

  /** The state that was given this value. */
  stateOf(value: Node): Storage | undefined {
    return this.states.get(value)
  }

  valueOf(storage: Storage): Node | undefined {
    return this.updates.get(storage)
  }

  refuseValue(): BrickError {
    return new BrickError({
      kind: 'argument',
      where: 'compile',
      got: 'a value asked for while the function is being traced',
      wanted: 'only tensor operations inside a compiled function',
      remedy: 'Return the tensor, and await its data() outside.',
    })
  }
}

let current: Trace | undefined

export function currentTrace(): Trace | undefined {
  return current
}

/** Runs `body` under a new trace, and returns both. */
export function traced<T>(body: () => T): { trace: Trace; result: T } {
  if (current) {
    throw new BrickError({
      kind: 'argument',
      where: 'compile',
      got: 'a compiled function called inside another one',
      wanted: 'plain functions inside',
      remedy: 'Call the uncompiled function.',
    })
  }
  const trace = new Trace()
  current = trace
  try {
    return { trace, result: body() }
  } finally {
    current = undefined
  }
}
