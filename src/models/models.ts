import { BrickError } from '../base/errors.ts'
import type { Module } from '../nn/module/module.ts'
import { nearest } from '../nn/module/state.ts'
import { LeNet } from './lenet.ts'
import { MLP } from './mlp.ts'
import type { ModelRecord, ModelSizes } from './model.ts'

export { LeNet } from './lenet.ts'
export { MLP } from './mlp.ts'
export type { ModelSizes } from './model.ts'

/** The networks that can be had by name; the only list of them. */
const records: Readonly<Record<string, ModelRecord>> = {
  lenet: {
    description: 'convolutional, 20-50-500 (32-64-128 for images below 16 × 16)',
    build: (sizes) => new LeNet(sizes),
  },
  mlp: {
    description: 'one hidden layer, twice as wide as the input',
    build: (sizes) => new MLP(sizes),
  },
}

/** Names for {@link createModel}, and what they stand for. */
export const modelNames: readonly string[] = Object.keys(records)

/** A line about a named network. */
export function describeModel(name: string): string {
  return recordFor(name).description
}

/**
 * A named network with fresh weights (seeded by `manualSeed`).
 *
 * @throws BrickError `unknown` for another name, `shape` if the network can't take such examples.
 * @example
 * ```ts
 * const model = createModel('lenet', { inputShape: [1, 28, 28], classes: 10 })
 * ```
 */
export function createModel(name: string, sizes: ModelSizes): Module {
  return recordFor(name).build(sizes)
}

function recordFor(name: string): ModelRecord {
  if (Object.hasOwn(records, name)) return records[name]!
  const near = nearest(name, modelNames)
  throw new BrickError({
    kind: 'unknown',
    where: 'model',
    got: `'${name}'`,
    wanted: modelNames.join(' or '),
    ...(near === undefined ? {} : { remedy: `Did you mean '${near}'?` }),
  })
}
