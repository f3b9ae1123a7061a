import { BrickError } from '../base/errors.ts'
import { adam, adamw } from '../optim/adam.ts'
import type { OptimizerFactory } from '../optim/optimizer.ts'
import { sgd } from '../optim/sgd.ts'

/** What `--optimizer` can name, with usual options. */
const records: Readonly<Record<string, (lr: number) => OptimizerFactory>> = {
  adam: (lr) => adam({ lr }),
  adamw: (lr) => adamw({ lr }),
  sgd: (lr) => sgd({ lr, momentum: 0.9 }),
}

/** Names for `--optimizer`. */
export const optimizerNames: readonly string[] = Object.keys(records)

/**
 * The optimiser of a name.
 *
 * @throws BrickError `unknown`.
 */
export function optimizerFor(name: string, lr: number): OptimizerFactory {
  const make = Object.hasOwn(records, name) ? records[name] : undefined
  if (make) return make(lr)
  const wanted = optimizerNames.join(', ')
  throw new BrickError({ kind: 'unknown', where: 'optimizer', got: `'${name}'`, wanted })
}
