import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BrickError } from '../../src/index.ts'
import { codec } from '../../src/onnx/file/codec.ts'
import { hostArray } from '../../src/onnx/file/host-array.ts'
import type { Message } from '../../src/onnx/file/messages.ts'
import { type Slot, Value } from '../../src/onnx/run/value.ts'

/** One test of the ONNX project: a model, and sets of inputs with the outputs that they give. */
export interface Case {
  readonly name: string
  readonly model: string
  readonly sets: readonly string[]
}

/** The cases in a folder, or the one that the folder is. */
export async function casesIn(folder: string): Promise<Case[]> {
  if (!existsSync(folder)) {
    throw new BrickError({ kind: 'file', where: folder, wanted: 'a folder of tests', got: 'none' })
  }
  const names = existsSync(join(folder, 'model.onnx')) ? [''] : (await readdir(folder)).sort()
  const cases: Case[] = []
  for (const name of names) {
    const path = join(folder, name)
    const model = join(path, 'model.onnx')
    if (!existsSync(model)) continue
    const inside = (await readdir(path)).sort().filter((f) => f.startsWith('test_data_set'))
    cases.push({ name: name || path, model, sets: inside.map((set) => join(path, set)) })
  }
  return cases
}

/** The values of files input_0.pb, input_1.pb, … in a data set, of the types that the model gives. */
export async function readValues(
  folder: string,
  prefix: 'input' | 'output',
  ports: readonly Message<'ValueInfoProto'>[],
): Promise<Slot[]> {
  const found: Slot[] = []
  for (const [i, port] of ports.entries()) {
    const path = join(folder, `${prefix}_${i}.pb`)
    if (!existsSync(path)) break
    found.push(await readValue(path, port.type ?? ({} as Message<'TypeProto'>)))
  }
  return found
}

const [UINT16, BFLOAT16] = [4, 16]

async function readValue(path: string, type: Message<'TypeProto'>): Promise<Slot> {
  const bytes = await readFile(path)
  const { decode } = await codec()
  const tensor = (proto: Message<'TensorProto'>) => Value.constant(hostArray(proto, path))
  if (type.sequenceType) {
    return { items: decode('SequenceProto', bytes, path).tensorValues.map(tensor) }
  }
  if (type.optionalType) {
    const { tensorValue, sequenceValue } = decode('OptionalProto', bytes, path)
    if (sequenceValue) return { items: sequenceValue.tensorValues.map(tensor) }
    return tensorValue && tensor(tensorValue)
  }
  const proto = decode('TensorProto', bytes, path)
  const { elemType } = type.tensorType ?? {}
  // The suite keeps bfloat16 as the 16-bit words that hold it.
  const words = elemType === BFLOAT16 && proto.dataType === UINT16
  return tensor(words ? { ...proto, dataType: BFLOAT16 } : proto)
}
