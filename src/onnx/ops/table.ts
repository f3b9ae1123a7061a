import { contraction } from './contraction.ts'
import { convolution } from './convolution.ts'
import { elementwise } from './elementwise.ts'
import { indexing } from './indexing.ts'
import { normalization } from './normalization.ts'
import type { Op, OpTable } from './op.ts'
import { pooling } from './pooling.ts'
import { reduce } from './reduce.ts'
import { shape } from './shape.ts'

/** All operators by domain; '' is ONNX's own. The one list of them. */
export const domains: Readonly<Record<string, OpTable>> = {
  '': {
    ...elementwise,
    ...reduce,
    ...shape,
    ...indexing,
    ...contraction,
    ...convolution,
    ...pooling,
    ...normalization,
  },
}

/** What an operator means, if it is known. */
export function opOf(domain: string, name: string): Op | undefined {
  const table = Object.hasOwn(domains, domain) ? domains[domain]! : {}
  return Object.hasOwn(table, name) ? table[name] : undefined
}
