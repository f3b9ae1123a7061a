import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { writeAtomically } from '../files/atomic.ts'
import { writeSafetensors } from '../files/tensor-file.ts'
import { exported } from '../onnx/export/export.ts'
import { saveStandalone } from '../standalone/save.ts'
import type { Classifier } from '../vision/classifier.ts'
import { factsOf } from '../vision/facts.ts'
import { onBackend } from './backend.ts'
import type { ExportFlags } from './flags.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'

/** What was written: numbers are bytes. */
type Facts = Readonly<Record<string, number | string>>

/** What a format writes, and where it goes unless the user says. */
interface Format {
  /** What is added to the network's name. */
  readonly ending: string
  write(network: Classifier, path: string, flags: ExportFlags): Promise<Facts>
}

const formats: Readonly<Record<ExportFlags['format'], Format>> = {
  onnx: { ending: '.onnx', write: writeOnnx },
  safetensors: { ending: '.safetensors', write: writeWeights },
  standalone: { ending: '-standalone', write: writeStandalone },
}

/** Writes a trained network for use elsewhere. */
export async function exportCommand(
  model: string,
  flags: ExportFlags,
  output: Output,
): Promise<number> {
  return onBackend(flags, async () => {
    const network = await openNetwork(model, flags)
    const { ending, write } = formats[flags.format]
    const path = flags.out ?? join('exports', `${stemOf(model)}${ending}`)
    const facts = await write(network, path, flags)
    output.event({ event: 'export', model, format: flags.format, path, ...facts })
    output.print(`${flags.format}  ${path}`)
    for (const [what, value] of Object.entries(facts)) {
      const text = typeof value === 'number' ? `${value.toLocaleString('en-US')} bytes` : value
      output.print(`  ${what.padEnd(12)} ${text}`)
    }
    return 0
  })
}

/** `mobilenet_v1_0.25`, `models/net.onnx` → net. */
const stemOf = (model: string): string => basename(model).replace(/\.(onnx|safetensors)$/, '')

/** Scores of any number of images, as the network gives them. */
async function writeOnnx(network: Classifier, path: string): Promise<Facts> {
  const { model, inputShape } = network
  const bytes = await exported(model, {
    inputs: [[1, ...inputShape]],
    metadata: factsOf(network),
  })
  await writeAtomically(path, bytes)
  return { size: bytes.length, input: `[batch, ${inputShape.join(', ')}]` }
}

async function writeWeights(network: Classifier, path: string): Promise<Facts> {
  const arrays: [string, ArrayView][] = []
  for (const [name, state] of Object.entries(network.model.stateDict())) {
    const { dtype, shape } = state
    arrays.push([name, { dtype, shape, data: await state.data() } as ArrayView])
  }
  await writeSafetensors(path, arrays, factsOf(network))
  return { size: (await stat(path)).size }
}

async function writeStandalone(
  network: Classifier,
  folder: string,
  { batch = 1 }: ExportFlags,
): Promise<Facts> {
  const { name, model, classNames, preprocessing, inputShape } = network
  const input = { dtype: 'f32', shape: [batch, ...inputShape] } as const
  const facts = { name, classNames, preprocessing }
  const { files, memory } = await saveStandalone(
    (x) => network.probabilitiesOf(model.forward(x!)),
    folder,
    [input],
    facts,
  )
  return { ...files, memory }
}
