import { BrickError } from '../base/errors.ts'
import { adagrad } from '../optim/adagrad.ts'
import { adam, adamw } from '../optim/adam.ts'
import { nadam } from '../optim/adam-relatives.ts'
import type { CommonOptions } from '../optim/groups.ts'
import { lamb } from '../optim/lamb.ts'
import { lion } from '../optim/lion.ts'
import type { OptimizerFactory } from '../optim/optimizer.ts'
import { rmsprop } from '../optim/rmsprop.ts'
import { sgd } from '../optim/sgd.ts'

interface OptimizerRecord {
  make(options: CommonOptions): OptimizerFactory
  /** Its usual learning rate as a multiple of Adam's. */
  readonly scale: number
}

/** What `--optimizer` can name, with usual options. */
const records: Readonly<Record<string, OptimizerRecord>> = {
  adam: { make: adam, scale: 1 },
  adamw: { make: adamw, scale: 1 },
  sgd: { make: (options) => sgd({ ...options, momentum: 0.9 }), scale: 10 },
  rmsprop: { make: rmsprop, scale: 1 },
  adagrad: { make: adagrad, scale: 10 },
  nadam: { make: nadam, scale: 1 },
  lion: { make: lion, scale: 0.2 },
  lamb: { make: lamb, scale: 5 },
}

/** Names for `--optimizer`. */
export const optimizerNames: readonly string[] = Object.keys(records)

function recordOf(name: string): OptimizerRecord {
  if (Object.hasOwn(records, name)) return records[name]!
  const wanted = optimizerNames.join(', ')
  throw new BrickError({ kind: 'unknown', where: 'optimizer', got: `'${name}'`, wanted })
}

/** The learning rate to begin with, where Adam's would be this. */
export const usualRate = (name: string, adams: number): number => adams * recordOf(name).scale

/**
 * The optimiser of a name.
 *
 * @param weightDecay Of weights alone, not of biases and norms; null for the optimiser's own.
 * @throws BrickError `unknown`.
 */
export function optimizerFor(
  name: string,
  lr: number,
  weightDecay: number | null = null,
): OptimizerFactory {
  const decay = weightDecay === null ? {} : { weightDecay, decayBiases: false }
  return recordOf(name).make({ lr, ...decay })
}
