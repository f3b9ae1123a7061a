import { cat, manualSeed, type Tensor, tensor, useBackend } from '../../src/index.ts'
import type { Backend } from '../../src/tensor/backend.ts'
import type { Storage } from '../../src/tensor/storage.ts'
import { leavesOf } from '../../src/tensor/tensor.ts'
import { checkDerivative } from '../property/derivative.ts'
import type { Leaf } from '../property/garden.ts'
import type { Sample } from './sample.ts'

/** How forward or gradient of a row went: well, badly, or there is none. */
export type Mark = '✓' | '–' | `✗ ${string}`
export interface Marks {
  readonly forward: Mark
  readonly gradient: Mark
}

interface Traced {
  readonly outputs: readonly Tensor[]
  readonly grads: readonly Tensor[]
  /** Σ weights · outputs, if any has a gradient. */
  readonly loss: Tensor | undefined
}

function trace(sample: Sample): Traced {
  manualSeed(7)
  const { outputs, wrt } = sample()
  const terms = outputs.filter((output) => output.requiresGrad).map(weigh)
  if (terms.length === 0 || wrt.length === 0) return { outputs, grads: [], loss: undefined }
  const loss = terms.reduce((sum, term) => sum.add(term))
  loss.backward()
  return { outputs, grads: wrt.flatMap((t) => t.grad ?? []), loss }
}

/** Every element counts by another number. */
function weigh(x: Tensor): Tensor {
  const weights = Float32Array.from({ length: x.size }, (_, i) => 0.25 + ((i * 7) % 5) / 4)
  return x.mul(tensor(weights).reshape(x.shape)).sum()
}

/** Outputs and gradients as one program has them. */
interface Values {
  readonly outputs: readonly number[]
  readonly grads: readonly number[]
}

async function valuesOf({ outputs, grads }: Traced): Promise<Values> {
  const flat = [...outputs, ...grads].map((t) => t.to('f32').flatten())
  const all = [...(await cat(flat).data())]
  const split = outputs.reduce((n, t) => n + t.size, 0)
  return { outputs: all.slice(0, split), grads: all.slice(split) }
}

/** What the interpreter makes of a row, and whether its gradients agree with finite differences. */
export async function reference(
  sample: Sample,
  interpreter: Backend,
): Promise<{ readonly marks: Marks; readonly values: Values }> {
  await useBackend(interpreter)
  const traced = trace(sample)
  const values = await valuesOf(traced)
  const finite = values.outputs.every(Number.isFinite)
  const marks = { forward: finite ? '✓' : '✗ not finite', gradient: derivative(traced) } as const
  return { marks, values }
}

function derivative({ loss }: Traced): Mark {
  if (!loss) return '–'
  const leaves = leavesOf(loss.node).map(({ node }): Leaf => {
    const buffer = node as Leaf['node']
    return { node: buffer, data: (buffer.attrs.source as Storage).read() }
  })
  try {
    return checkDerivative(loss.node, leaves) ? '✓' : '✗ at a kink: choose another sample'
  } catch (error) {
    return `✗ ${(error as Error).message.split('\n')[0]}`
  }
}

/** A row and what the interpreter made of it. */
export interface Wanted {
  readonly sample: Sample
  readonly values: Values
}

/** Whether a backend agrees with the interpreter. */
export async function compared({ sample, values }: Wanted, backend: Backend): Promise<Marks> {
  await useBackend(backend)
  return marksOf(await valuesOf(trace(sample)), values)
}

function marksOf(got: Values, want: Values): Marks {
  const gradient = want.grads.length === 0 ? '–' : agreement(got.grads, want.grads)
  return { forward: agreement(got.outputs, want.outputs), gradient }
}

function agreement(got: readonly number[], want: readonly number[]): Mark {
  if (got.length !== want.length) return `✗ ${got.length} values for ${want.length}`
  const at = want.findIndex((w, i) => !(Math.abs(got[i]! - w) <= 1e-4 * (1 + Math.abs(w))))
  return at < 0 ? '✓' : `✗ ${got[at]} for ${want[at]}`
}
