import { sameShape, showShape, sizeOf } from '../base/shape.ts'
import { type Datatype, datatypeNames, datatypeRecord } from './datatypes.ts'
import { Refusal } from './refusal.ts'
import type { Servable } from './servable.ts'
import { type Declared, fromBinary, fromJson, toBinary, toJson } from './tensor-data.ts'

/** Extras that a client may send; those that are not known are let be. */
export interface Parameters {
  readonly binary_data_size?: number
  readonly binary_data?: boolean
  readonly binary_data_output?: boolean
}

export interface InputTensor extends Declared {
  readonly parameters?: Parameters
  readonly data?: readonly unknown[]
}

/** The JSON part of an inference request, after the schema has been checked. */
export interface InferBody {
  readonly id?: string
  readonly parameters?: Parameters
  readonly inputs: readonly InputTensor[]
  readonly outputs?: readonly { readonly name: string; readonly parameters?: Parameters }[]
}

/** A request as the model takes it. */
export interface InferRequest {
  readonly id: string | undefined
  readonly data: Float32Array
  readonly rows: number
  /** Whether the result is to be sent as bytes. */
  readonly isBinary: boolean
}

/** An answer: a JSON text, and bytes behind it. */
export interface InferAnswer {
  readonly json: string
  readonly binary: Uint8Array | undefined
}

/**
 * An inference request for this model, from its JSON part and the bytes behind it.
 *
 * @throws Refusal 400 that names the tensor, what it is and what it should be.
 */
export function readInfer(
  body: InferBody,
  binary: Uint8Array | undefined,
  servable: Servable,
  maxBatch: number,
): InferRequest {
  const [wanted] = servable.inputs
  const [input, ...more] = body.inputs
  if (!input || more.length > 0 || input.name !== wanted.name) {
    throw new Refusal(400, {
      where: `model ${servable.name}`,
      got: `inputs ${body.inputs.map(({ name }) => `'${name.slice(0, 100)}'`).join(', ') || 'none'}`,
      wanted: `one input '${wanted.name}'`,
      remedy: `GET /v2/models/${servable.name} describes it.`,
    })
  }
  const rows = rowsOf(input, servable, maxBatch)
  return {
    id: body.id,
    rows,
    data: dataOf(input, binary),
    isBinary: wantsBinary(body, servable),
  }
}

/** How many examples an input holds: its shape must be the model's but for the first size. */
function rowsOf({ name, datatype, shape }: InputTensor, servable: Servable, most: number): number {
  const example = servable.inputs[0].shape.slice(1)
  const [rows = 0, ...rest] = shape
  if (!Object.hasOwn(datatypesByName, datatype)) {
    const wanted = datatypeNames.join(', ')
    throw new Refusal(400, { where: `input '${name}'`, got: `datatype '${datatype}'`, wanted })
  }
  if (!sameShape(rest, example) || rows < 1) {
    throw new Refusal(400, {
      where: `input '${name}'`,
      got: `shape ${showShape(shape.slice(0, 16))}`,
      wanted: `[n, ${example.join(', ')}], n from 1 to ${most}`,
      remedy: 'The first size counts examples: for a single one it is 1.',
    })
  }
  if (rows <= most) return rows
  throw new Refusal(400, {
    where: `input '${name}'`,
    got: `${rows} examples`,
    wanted: `at most ${most}`,
    remedy: 'Send them in several requests, which are computed together, or raise --max-batch.',
  })
}

const datatypesByName = Object.fromEntries(datatypeNames.map((name) => [name, true]))

/** The input's numbers, from JSON or from the bytes. */
function dataOf(input: InputTensor, binary: Uint8Array | undefined): Float32Array {
  const { name, data, parameters } = input
  const size = parameters?.binary_data_size
  const where = `input '${name}'`
  if (data !== undefined && size !== undefined) {
    throw new Refusal(400, { where, got: 'data and binary_data_size', wanted: 'one of the two' })
  }
  if (data !== undefined) {
    if (binary?.length) throw unclaimed(binary.length, 0)
    return fromJson(data, input)
  }
  if (size === undefined) {
    const wanted = 'data, or binary_data_size and the bytes behind the JSON part'
    throw new Refusal(400, { where, got: 'neither', wanted })
  }
  if (binary === undefined) {
    throw new Refusal(400, {
      where,
      got: 'binary_data_size in a request without bytes',
      wanted: 'the header Inference-Header-Content-Length, and the bytes behind the JSON part',
    })
  }
  if (binary.length !== size) throw unclaimed(binary.length, size)
  return fromBinary(binary, input)
}

function unclaimed(got: number, wanted: number): Refusal {
  return new Refusal(400, {
    where: 'binary tensor data',
    got: `${got} bytes behind the JSON part`,
    wanted: `${wanted}, the sum of all binary_data_size`,
    remedy: 'Inference-Header-Content-Length is the length of the JSON part in bytes.',
  })
}

function wantsBinary({ parameters, outputs }: InferBody, servable: Servable): boolean {
  const byDefault = parameters?.binary_data_output ?? false
  if (outputs === undefined || outputs.length === 0) return byDefault
  const [known] = servable.outputs
  const bad = outputs.find(({ name }) => name !== known.name)
  if (bad || outputs.length > 1) {
    throw new Refusal(400, {
      where: `model ${servable.name}`,
      got: bad ? `output '${bad.name.slice(0, 100)}'` : `${outputs.length} outputs`,
      wanted: `one output '${known.name}', or none named`,
    })
  }
  return outputs[0]!.parameters?.binary_data ?? byDefault
}

/**
 * A request of bytes alone (a header length of 0): FP32 examples one after the other.
 *
 * @throws Refusal 400 if they are no whole number of examples.
 */
export function rawBody(bytes: Uint8Array, servable: Servable): InferBody {
  const { name, datatype, shape } = servable.inputs[0]
  const example = shape.slice(1)
  const rowBytes = sizeOf(example) * datatypeRecord(datatype).bytes
  const rows = bytes.length / rowBytes
  if (!Number.isInteger(rows) || rows < 1) {
    throw new Refusal(400, {
      where: `input '${name}'`,
      got: `${bytes.length} bytes`,
      wanted: `a multiple of ${rowBytes}, one ${datatype} example ${showShape(example)}`,
    })
  }
  const parameters = { binary_data_size: bytes.length }
  return { inputs: [{ name, datatype, shape: [rows, ...example], parameters }] }
}

/** The answer to a request: numbers in the JSON text, or bytes behind it. */
export function writeInfer(
  { id, rows, isBinary }: InferRequest,
  results: Float32Array,
  { name, version, outputs: [meta] }: Servable,
): InferAnswer {
  const shape = [rows, ...meta.shape.slice(1)]
  const output: Declared = { name: meta.name, datatype: meta.datatype as Datatype, shape }
  const binary = isBinary ? toBinary(results) : undefined
  const content = binary
    ? { parameters: { binary_data_size: binary.length } }
    : { data: toJson(results) }
  const answer = {
    model_name: name,
    model_version: version,
    ...(id === undefined ? {} : { id }),
    outputs: [{ ...output, ...content }],
  }
  return { json: JSON.stringify(answer), binary }
}
