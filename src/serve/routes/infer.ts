import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Context, departure } from '../context.ts'
import {
  type InferAnswer,
  type InferBody,
  rawBody,
  readInfer,
  writeInfer,
} from '../infer-message.ts'
import { jsonParser } from '../json-body.ts'
import { badBody, Refusal } from '../refusal.ts'
import { errors, inferAnswerSchema, inferSchema } from '../schemas.ts'
import { type ModelParams, modelPaths, tags } from './protocol.ts'

const HEADER = 'inference-header-content-length'
const words = `application/json, or application/octet-stream with the header ${HEADER}`
/** Triton's own client names no media type. */
const accepts = { types: /^application\/(?:json|octet-stream)\b|^$/, words }

/** Inference by the protocol: JSON tensors, or bytes behind a JSON part. */
export async function addInfer(app: FastifyInstance, context: Context): Promise<void> {
  app.decorateRequest('tensorBytes', undefined)
  addParsers(app, context)
  for (const { path, params, ending } of modelPaths) {
    app.post<{ Params: ModelParams; Body: InferBody | undefined }>(
      `${path}/infer`,
      { schema: schemaWith(params, `infer${ending}`), config: { accepts, isWork: true } },
      async (request, reply) => {
        const { body, tensorBytes } = request
        const { model, version } = request.params
        const { servable, batcher } = context.live.named(model, version)
        if (!body) throw noBody()
        checkBody(request, body)
        const asked = readInfer(body, tensorBytes, servable, batcher.most)
        const results = await batcher.submit(asked.data, asked.rows, departure(reply))
        return send(reply, writeInfer(asked, results, servable))
      },
    )
  }
}

function schemaWith(params: object, operationId: string) {
  return {
    tags,
    operationId,
    summary: 'Runs the model',
    description: `Bodies are ${words}: then so many bytes of JSON come first, and the tensors' bytes behind them. A length of 0 stands for FP32 examples without any JSON.`,
    params,
    body: {
      content: {
        'application/json': { schema: inferSchema },
        'application/octet-stream': { schema: {} },
      },
    },
    response: {
      200: inferAnswerSchema,
      ...errors(400, 404, 408, 413, 415, 429, 500, 503),
    },
  }
}

function addParsers(app: FastifyInstance, context: Context): void {
  const parse = jsonParser(app)
  const types = ['application/json', 'application/octet-stream', '*']
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(types, { parseAs: 'buffer' }, (request, body, done) => {
    try {
      const length = headerLength(request, body.length)
      if (length !== undefined) request.tensorBytes = body.subarray(length)
      if (length === 0) {
        const { model, version } = request.params as ModelParams
        done(null, rawBody(body, context.live.named(model, version).servable))
      } else parse(request, body.toString('utf8', 0, length), done)
    } catch (error) {
      done(error as Error)
    }
  })
}

/** How many bytes of the body are JSON; undefined: all. */
function headerLength({ headers }: FastifyRequest, bytes: number): number | undefined {
  const text = headers[HEADER]
  if (text === undefined) {
    if (!headers['content-type']?.startsWith('application/octet-stream')) return undefined
    const got = 'application/octet-stream without it'
    throw new Refusal(400, {
      where: `header ${HEADER}`,
      got,
      wanted: 'the length of the JSON part',
    })
  }
  const length = Number(text)
  if (/^\d{1,10}$/.test(`${text}`) && length <= bytes) return length
  const wanted = `a number of bytes up to ${bytes}, the body's`
  throw new Refusal(400, { where: `header ${HEADER}`, got: `'${text}'`.slice(0, 50), wanted })
}

/** The framework checks bodies of a known media type alone. */
function checkBody(request: FastifyRequest, body: unknown): void {
  if (request.headers['content-type']?.startsWith('application/json')) return
  const known = request.getValidationFunction(inferSchema)
  const isValid = known ?? request.compileValidationSchema(inferSchema)
  if (isValid(body)) return
  throw badBody(isValid.errors ?? [])
}

function noBody(): Refusal {
  return new Refusal(400, { where: 'body', got: 'nothing', wanted: words })
}

function send(reply: FastifyReply, { json, binary }: InferAnswer) {
  if (!binary) return reply.type('application/json; charset=utf-8').send(json)
  const head = Buffer.from(json)
  reply.header(HEADER, head.length).type('application/octet-stream')
  return reply.send(Buffer.concat([head, binary]))
}
