import { datatypeNames } from './datatypes.ts'

/** JSON schemas of what goes over the wire: checked on the way in, and shown by /openapi.json. */

const text = { type: 'string' } as const
const name = { type: 'string', maxLength: 200 } as const
const shape = {
  type: 'array',
  maxItems: 16,
  items: { type: 'integer', minimum: -1, maximum: 2 ** 31 - 1 },
  examples: [[1, 1, 28, 28]],
} as const
const parameters = { type: 'object', additionalProperties: true } as const

export const errorSchema = {
  type: 'object',
  description: 'What went wrong: what was expected, what was got, and the remedy.',
  required: ['error'],
  properties: { error: text },
  examples: [
    { error: "input 'input': expected [n, 1, 28, 28], n from 1 to 32, got shape [1, 28, 28]." },
  ],
} as const

const statusWords: Readonly<Record<number, string>> = {
  400: 'Not what this address takes.',
  403: 'Not let in.',
  404: 'No such address, model or version.',
  408: 'The request took too long to arrive.',
  413: 'The body is too long.',
  415: 'Another media type.',
  429: 'More than the server takes on at once: see Retry-After.',
  500: "The server's own fault.",
  503: 'Not now: see Retry-After.',
  507: 'The feedback folder is full.',
}

/** Errors that an address may answer with. */
export function errors(...statuses: readonly number[]) {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { ...errorSchema, description: statusWords[status] ?? errorSchema.description },
    ]),
  )
}

export const healthSchema = (word: string, description: string) => ({
  type: 'object',
  description,
  required: [word],
  properties: { [word]: { type: 'boolean' } },
  examples: [{ [word]: description === 'Yes.' }],
})

export const serverSchema = {
  type: 'object',
  description: 'The server.',
  required: ['name', 'version', 'extensions'],
  properties: { name: text, version: text, extensions: { type: 'array', items: text } },
  examples: [
    { name: 'brickwork', version: '0.1.0', extensions: ['binary_tensor_data', 'model_repository'] },
  ],
} as const

const tensorMeta = {
  type: 'object',
  required: ['name', 'datatype', 'shape'],
  properties: { name: text, datatype: text, shape },
} as const

export const modelSchema = {
  type: 'object',
  description: 'The model: −1 in a shape stands for the number of examples.',
  required: ['name', 'versions', 'platform', 'inputs', 'outputs'],
  properties: {
    name: text,
    versions: { type: 'array', items: text },
    platform: text,
    inputs: { type: 'array', items: tensorMeta },
    outputs: { type: 'array', items: tensorMeta },
  },
  examples: [
    {
      name: 'lenet',
      versions: ['1'],
      platform: 'brickwork',
      inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1, 28, 28] }],
      outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 10] }],
    },
  ],
} as const

export const modelParams = {
  type: 'object',
  properties: { model: { ...name, description: 'The name of the model.' } },
  required: ['model'],
} as const

export const versionParams = {
  type: 'object',
  properties: {
    ...modelParams.properties,
    version: { ...name, description: 'The version, which must be the one that answers now.' },
  },
  required: ['model', 'version'],
} as const

const inputTensor = {
  type: 'object',
  required: ['name', 'shape', 'datatype'],
  properties: {
    name,
    shape,
    datatype: { type: 'string', maxLength: 20, examples: [...datatypeNames] },
    parameters: {
      ...parameters,
      properties: {
        binary_data_size: {
          type: 'integer',
          minimum: 0,
          description: 'Bytes of this tensor behind the JSON part.',
        },
      },
    },
    data: { type: 'array', description: 'Elements row by row, flat or nested as the shape says.' },
  },
} as const

const outputRequest = {
  type: 'object',
  required: ['name'],
  properties: {
    name,
    parameters: {
      ...parameters,
      properties: {
        binary_data: { type: 'boolean', description: 'Whether to send it as bytes.' },
      },
    },
  },
} as const

export const inferSchema = {
  type: 'object',
  required: ['inputs'],
  properties: {
    id: { ...name, description: 'Comes back in the answer.' },
    parameters: {
      ...parameters,
      properties: {
        binary_data_output: { type: 'boolean', description: 'Whether to send outputs as bytes.' },
      },
    },
    inputs: { type: 'array', minItems: 1, maxItems: 16, items: inputTensor },
    outputs: { type: 'array', maxItems: 16, items: outputRequest },
  },
  examples: [
    {
      id: '42',
      inputs: [{ name: 'input', shape: [1, 4], datatype: 'FP32', data: [0.1, 0.2, 0.3, 0.4] }],
    },
  ],
} as const

export const inferAnswerSchema = {
  type: 'object',
  description:
    'The results. With binary outputs, the JSON part is as long as Inference-Header-Content-Length says, and the bytes (FP32, little-endian) follow it. In JSON, null stands for NaN and infinities.',
  required: ['model_name', 'model_version', 'outputs'],
  properties: {
    model_name: text,
    model_version: text,
    id: text,
    outputs: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'shape', 'datatype'],
        properties: {
          name: text,
          shape,
          datatype: text,
          data: { type: 'array', items: { type: ['number', 'null'] } },
          parameters,
        },
      },
    },
  },
  examples: [
    {
      model_name: 'linear',
      model_version: '1',
      id: '42',
      outputs: [{ name: 'output', shape: [1, 2], datatype: 'FP32', data: [0.25, -1.5] }],
    },
  ],
} as const

export const classifyAnswerSchema = {
  type: 'object',
  description: 'What is on the image.',
  required: ['id', 'model', 'version', 'predictions'],
  properties: {
    id: { ...text, description: 'For POST /feedback.' },
    model: text,
    version: text,
    predictions: {
      type: 'array',
      description: 'The most probable first.',
      items: {
        type: 'object',
        required: ['class', 'index', 'probability'],
        properties: { class: text, index: { type: 'integer' }, probability: { type: 'number' } },
      },
    },
  },
  examples: [
    {
      id: '5f0f0d3a-6a3c-4a52-9ad1-3a2d0c1f8f0b',
      model: 'lenet',
      version: '1',
      predictions: [{ class: '3', index: 3, probability: 0.998 }],
    },
  ],
} as const

export const feedbackSchema = {
  type: 'object',
  required: ['id', 'label'],
  additionalProperties: false,
  properties: {
    id: { ...name, description: 'Of an answer of POST /classify.' },
    label: { ...name, description: "One of the model's class names." },
  },
  examples: [{ id: '5f0f0d3a-6a3c-4a52-9ad1-3a2d0c1f8f0b', label: '8' }],
} as const

export const feedbackAnswerSchema = {
  type: 'object',
  description: 'Kept.',
  required: ['id', 'label', 'file'],
  properties: {
    id: text,
    label: text,
    file: { ...text, description: 'Relative to the feedback folder.' },
  },
  examples: [
    {
      id: '5f0f0d3a-6a3c-4a52-9ad1-3a2d0c1f8f0b',
      label: '8',
      file: '8/5f0f0d3a-6a3c-4a52-9ad1-3a2d0c1f8f0b.png',
    },
  ],
} as const

export const repositorySchema = {
  type: 'array',
  description: 'What is loaded.',
  items: {
    type: 'object',
    required: ['name', 'version', 'state'],
    properties: { name: text, version: text, state: text },
  },
  examples: [[{ name: 'lenet', version: '1', state: 'READY' }]],
} as const
