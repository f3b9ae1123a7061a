import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { type Context, departure } from '../context.ts'
import { imageExtension, imageKinds } from '../image-kind.ts'
import type { Live } from '../live-model.ts'
import { Refusal } from '../refusal.ts'
import { classifyAnswerSchema, errors } from '../schemas.ts'
import type { ImageSide } from '../servable.ts'

const accepts = {
  types: /^(?:image\/|application\/octet-stream\b)/,
  words: 'image/* or application/octet-stream (an image file as it is)',
}
const TOP = 5

interface Prediction {
  readonly class: string
  readonly index: number
  readonly probability: number
}

/** What is on an image. */
export async function addClassify(app: FastifyInstance, context: Context): Promise<void> {
  app.removeAllContentTypeParsers()
  addImageParser(app)
  app.post<{ Querystring: Readonly<Record<string, unknown>>; Body: Buffer | undefined }>(
    '/classify',
    {
      schema: classifySchema,
      config: { accepts, isWork: true },
      // Text that stands for a number: read below, with an error that says so.
      validatorCompiler: () => () => true,
    },
    async ({ query, body }, reply) => {
      const top = topOf(query['top'])
      const live = context.live.require()
      const side = imageSide(live)
      const bytes = imageBytes(body)
      const { data } = await decoded(side, bytes)
      const outputs = await live.batcher.submit(data, 1, departure(reply))
      const id = randomUUID()
      context.feedback?.recent.add(id, bytes)
      const { name, version } = live.servable
      return { id, model: name, version, predictions: best(outputs, side, top) }
    },
  )
}

const classifySchema = {
  tags: ['Images'],
  operationId: 'classify',
  summary: 'Says what is on an image',
  description: `The body is an image file: ${imageKinds}.`,
  querystring: {
    type: 'object',
    properties: {
      top: { type: 'integer', minimum: 1, default: TOP, description: 'How many classes to tell.' },
    },
  },
  body: {
    content: {
      'image/png': { schema: {} },
      'image/jpeg': { schema: {} },
      'application/octet-stream': { schema: {} },
    },
  },
  response: { 200: classifyAnswerSchema, ...errors(400, 404, 408, 413, 415, 429, 500, 503) },
} as const

/** Images come as bytes, whatever their media type claims. */
export function addImageParser(app: FastifyInstance): void {
  for (const type of [/^image\//, 'application/octet-stream']) {
    app.addContentTypeParser<Buffer>(type, { parseAs: 'buffer' }, (_, body, done) => {
      done(null, body)
    })
  }
}

/** @throws Refusal 404 for a model that takes no images. */
export function imageSide({ servable }: Live): ImageSide {
  if (servable.image) return servable.image
  throw new Refusal(404, {
    where: `model ${servable.name}`,
    got: 'an image',
    wanted: 'tensors',
    remedy: `Use POST /v2/models/${servable.name}/infer.`,
  })
}

/** @throws Refusal 400 for what doesn't begin as an image does. */
export function imageBytes(body: Uint8Array | undefined): Uint8Array {
  if (body && imageExtension(body)) return body
  const got = body?.length ? `${body.length} bytes of something else` : 'nothing'
  throw new Refusal(400, { where: 'body', got, wanted: `an image file: ${imageKinds}` })
}

/** @throws Refusal 400 for an image that can't be decoded. */
export async function decoded(side: ImageSide, bytes: Uint8Array): Promise<ArrayView<'f32'>> {
  try {
    return await side.decode(bytes)
  } catch (error) {
    if (!(error instanceof BrickError)) throw error
    const { where, got = '', wanted = '', remedy = '', cause } = error
    throw new Refusal(400, { where, got, wanted, remedy, cause })
  }
}

function topOf(text: unknown): number {
  if (text === undefined) return TOP
  if (typeof text === 'string' && /^[1-9]\d{0,8}$/.test(text)) return Number(text)
  const got = `'${text}'`.slice(0, 50)
  throw new Refusal(400, { where: 'top', got, wanted: 'a whole number from 1' })
}

/** The most probable classes, by softmax over the scores of all. */
function best(outputs: Float32Array, side: ImageSide, top: number): Prediction[] {
  const { classNames, output = 'scores' } = side
  const shares = output === 'scores' ? softmax(outputs) : [...outputs]
  if (!shares.every(Number.isFinite) || shares.length !== classNames.length) {
    throw new Error(`${shares.length} outputs for ${classNames.length} classes, or not finite`)
  }
  return shares
    .map((probability, index) => ({ class: classNames[index]!, index, probability }))
    .sort((a, b) => b.probability - a.probability)
    .slice(0, top)
}

function softmax(scores: Float32Array): number[] {
  const highest = scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  const powers = Array.from(scores, (score) => Math.exp(score - highest))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}
