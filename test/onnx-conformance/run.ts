import { readFile } from 'node:fs/promises'
import { BrickError } from '../../src/index.ts'
import { codec } from '../../src/onnx/file/codec.ts'
import { arrayView } from '../../src/onnx/file/host-array.ts'
import type { Message } from '../../src/onnx/file/messages.ts'
import { domainOf, readOnnx } from '../../src/onnx/file/read.ts'
import { OnnxModel } from '../../src/onnx/model.ts'
import { type Slot, Value } from '../../src/onnx/run/value.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { type Case, readValues } from './cases.ts'
import { compareSlots } from './compare.ts'
import { errata } from './errata.ts'
import { reasonInData, reasonToSkip } from './skips.ts'

/** How a case ended. */
export type Result = { readonly case: Case; readonly operators: readonly string[] } & (
  | { readonly status: 'passed' }
  | { readonly status: 'failed'; readonly detail: string }
  | { readonly status: 'skipped'; readonly reason: string }
)

/** Runs one case on the backend in use. Never throws: what goes wrong is the result. */
export async function runCase(one: Case): Promise<Result> {
  let operators: string[] = []
  try {
    const model = (await codec()).decode('ModelProto', await readFile(one.model), one.name)
    const graph = model.graph!
    operators = [...new Set(graph.node.map(({ opType }) => opType ?? ''))]
    const opsets = new Map(model.opsetImport.map((o) => [domainOf(o.domain), o.version ?? 1]))
    const inputs = await Promise.all(one.sets.map((set) => readNamed(set, graph)))
    const reason = reasonToSkip({ graph, model, opsets }) ?? reasonInData(graph, inputs)
    if (reason) return { case: one, operators, status: 'skipped', reason }
    const detail = await differenceOf(one)
    if (detail) return { case: one, operators, status: 'failed', detail }
    const erratum = errata[one.name]
    if (!erratum) return { case: one, operators, status: 'passed' }
    return { case: one, operators, status: 'skipped', reason: `error of the suite: ${erratum.why}` }
  } catch (error) {
    const detail = error instanceof BrickError ? error.message : String((error as Error).stack)
    return { case: one, operators, status: 'failed', detail }
  }
}

/** A data set's inputs by name; of other element types than numbers: none. */
async function readNamed(set: string, graph: Message<'GraphProto'>): Promise<Map<string, Slot>> {
  const given = new Set(graph.initializer.map(({ name }) => name))
  const ports = graph.input.filter(({ name }) => !given.has(name))
  const values = await readValues(set, 'input', ports).catch(() => [])
  return new Map(values.map((value, i) => [ports[i]!.name ?? '', value]))
}

async function differenceOf(one: Case): Promise<string | undefined> {
  const file = await readOnnx(one.model)
  const model = new OnnxModel(file)
  const ports = file.graph.input.filter(({ name }) => !file.initializers.has(name ?? ''))
  for (const set of one.sets) {
    const inputs = await readValues(set, 'input', ports)
    const expected = await readValues(set, 'output', file.graph.output)
    if (expected.length === 0) return 'no expected outputs'
    const named = new Map(ports.map(({ name }, i) => [name ?? '', asInput(inputs[i])]))
    const outputs = [...model.runValues(named)]
    for (const [i, wanted] of expected.entries()) {
      const [name, got] = outputs[i]!
      const difference = await compareSlots(got, corrected(one, name, wanted))
      if (difference) return `${name}: ${difference}`
    }
  }
  return undefined
}

/** What is expected: the suite's values, or those that correct them. */
function corrected({ name }: Case, output: string, wanted: Slot): Slot {
  const values = errata[name]?.values[output]
  if (!values || !(wanted instanceof Value) || !wanted.host) return wanted
  return Value.constant({ ...wanted.host, data: Float64Array.from(values) })
}

/** Inputs come as tensors, so that the backend computes and not the host. */
function asInput(slot: Slot): Slot {
  if (slot === undefined) return undefined
  if (!(slot instanceof Value)) return { items: slot.items.map((item) => asInput(item) as Value) }
  const { data, shape, dtype } = arrayView(slot.host!)
  return Value.of(slot.type, Tensor.of(data, shape, dtype))
}
