import { join } from 'node:path'
import type { TypedArray } from '../base/dtype.ts'
import { assetText } from '../data/asset.ts'
import { writeAtomically } from '../files/atomic.ts'
import { renderWasm } from '../render/wasm/render.ts'
import { type AheadProgram, compileAhead, type PortType } from '../tensor/ahead.ts'
import type { Result } from '../tensor/compile.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Layout, layoutOf } from './layout.ts'

/** A WebAssembly engine as every browser has it: 128-bit vectors, no fused multiply-add, one thread. */
const target = { lanes: 4, registers: 15, fma: false, l1: 32 * 1024, l2: 512 * 1024 } as const
const features = { relaxedSimd: false, shared: false } as const

/** What the module says of itself and needs to classify images. */
export interface StandaloneFacts {
  readonly name: string
  readonly classNames?: readonly string[]
  /** Size, channels and normalisation of images: vision's preprocessing. */
  readonly preprocessing?: object
}

export interface StandaloneReport {
  readonly folder: string
  /** Bytes of each file. */
  readonly files: Readonly<Record<string, number>>
  /** Bytes of memory that the network takes when it runs. */
  readonly memory: number
}

/**
 * Compiles a function of tensors (a model's forward pass) into a folder that runs without this
 * library, in Node and in browsers: `model.wasm`, the weights, and `model.js`, an ES module that
 * loads both; `index.html` tries it, if it classifies images.
 *
 * @param inputs Shapes with the batch: [1, 3, 224, 224].
 * @throws BrickError `argument` for a function that updates states, `file` if the folder can't be written.
 */
export async function saveStandalone(
  fn: (...inputs: Tensor[]) => Result,
  folder: string,
  inputs: readonly PortType[],
  facts: StandaloneFacts,
): Promise<StandaloneReport> {
  const ahead = await compileAhead(fn, inputs, target)
  const layout = layoutOf(ahead)
  const files: Record<string, Uint8Array> = {
    'model.wasm': renderWasm(ahead.program, { ...features, maxPages: layout.pages }),
    'weights.bin': weightsOf(ahead, layout),
    'model.js': encoded(await moduleText(facts, layout)),
  }
  if (facts.preprocessing && facts.classNames) {
    files['index.html'] = encoded(await assetText('standalone/index.html'))
  }
  for (const [name, bytes] of Object.entries(files)) {
    await writeAtomically(join(folder, name), bytes)
  }
  const sizes = Object.entries(files).map(([name, { length }]) => [name, length] as const)
  return { folder, files: Object.fromEntries(sizes), memory: layout.pages * 65_536 }
}

/** The constants as they lie in memory. */
function weightsOf({ inputs, constants }: AheadProgram, { slots, weights }: Layout): Uint8Array {
  const bytes = new Uint8Array(weights.bytes)
  constants.forEach((data: TypedArray, i) => {
    const { buffer, byteOffset, byteLength } = data
    const address = slots[1 + inputs.length + i]!
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), address - weights.address)
  })
  return bytes
}

async function moduleText(facts: StandaloneFacts, layout: Layout): Promise<string> {
  const runtime = await assetText('standalone/model.js')
  return `${runtime}\nconst facts = ${JSON.stringify({ ...facts, ...layout })}\n`
}

const encoded = (text: string): Uint8Array => new TextEncoder().encode(text)
