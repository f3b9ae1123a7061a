import { attentions } from './attention.ts'
import { classic, text } from './classic.ts'
import { contraction } from './contraction.ts'
import { contrib } from './contrib.ts'
import { control } from './control.ts'
import { convolution } from './convolution.ts'
import { detection } from './detection.ts'
import { elementwise } from './elementwise.ts'
import { indexing } from './indexing.ts'
import { loss } from './loss.ts'
import { normalization } from './normalization.ts'
import type { Op, OpTable } from './op.ts'
import { optimizers } from './optimizers.ts'
import { pooling } from './pooling.ts'
import { quantization } from './quantization.ts'
import { random } from './random.ts'
import { recurrentLayers } from './recurrent.ts'
import { reduce } from './reduce.ts'
import { resizing } from './resize.ts'
import { sampling } from './sampling.ts'
import { sequences } from './sequences.ts'
import { shape } from './shape.ts'
import { signal } from './signal.ts'
/** All operators by domain; '' is ONNX's own. The one list of them. */
export const domains: Readonly<Record<string, OpTable>> = {
  '': {
    ...elementwise,
    ...reduce,
    ...shape,
    ...indexing,
    ...attentions,
    ...contraction,
    ...convolution,
    ...pooling,
    ...normalization,
    ...signal,
    ...text,
    ...sequences,
    ...sampling,
    ...resizing,
    ...recurrentLayers,
    ...random,
    ...quantization,
    ...loss,
    ...control,
    ...detection,
  },
  'ai.onnx.ml': classic,
  'ai.onnx.preview.training': optimizers,
  'com.microsoft': contrib,
}

/** What an operator means, if it is known in that version of its domain. */
export function opOf(domain: string, name: string, version: number): Op | undefined {
  const table = Object.hasOwn(domains, domain) ? domains[domain]! : {}
  const op = Object.hasOwn(table, name) ? table[name] : undefined
  return op && version >= op.since && version <= (op.until ?? version) ? op : undefined
}
