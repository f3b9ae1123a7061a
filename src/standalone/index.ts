/** Compiled networks that run without this library. */
import type { PortType } from '../tensor/ahead.ts'
import type { Result } from '../tensor/compile.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { StandaloneFacts, StandaloneReport } from './save.ts'

export type { PortType } from '../tensor/ahead.ts'
export type { StandaloneFacts, StandaloneReport } from './save.ts'

/**
 * Compiles a function of tensors (a model's forward pass) into a folder that runs without this
 * library, in Node and in browsers: one WebAssembly module, the weights, and an ES module of 100
 * lines that loads both. With class names and a preprocessing, a page to try it with, too. In Node.
 *
 * @param inputs Types and shapes, with the batch.
 * @throws BrickError `argument` for a function that updates states (`model.eval()` first), `file` if
 * the folder can't be written.
 * @example
 * ```ts
 * const model = new nn.Sequential(new nn.Linear(4, 3), new nn.Softmax(-1))
 * const input = { dtype: 'f32', shape: [1, 4] } as const
 * const { files } = await standalone.save((x) => model.forward(x), 'iris', [input], { name: 'iris' })
 * Object.keys(files) // ['model.wasm', 'weights.bin', 'model.js']
 * ```
 */
export async function save<const Ports extends readonly PortType[]>(
  fn: (...inputs: { [P in keyof Ports]: Tensor }) => Result,
  folder: string,
  inputs: Ports,
  facts: StandaloneFacts,
): Promise<StandaloneReport> {
  const { saveStandalone } = await import('./save.ts')
  return saveStandalone(fn as (...inputs: Tensor[]) => Result, folder, inputs, facts)
}
