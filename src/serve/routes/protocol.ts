import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Context } from '../context.ts'
import type { LiveModel } from '../live-model.ts'
import {
  errors,
  healthSchema,
  modelParams,
  modelSchema,
  serverSchema,
  versionParams,
} from '../schemas.ts'
import type { Servable } from '../servable.ts'
import { packageVersion } from '../version.ts'

/** The parts of a model's address. */
export interface ModelParams {
  readonly model: string
  readonly version?: string
}

/** The addresses of a model, with and without its version; the endings name operations. */
export const modelPaths = [
  { path: '/v2/models/:model', params: modelParams, ending: '' },
  { path: '/v2/models/:model/versions/:version', params: versionParams, ending: 'Version' },
] as const

export const tags = ['Open Inference Protocol v2']

const byStatus = 'By the status: 200 for yes, 4xx for no.'
const health = (operationId: string, summary: string, word: string) => ({
  tags,
  operationId,
  summary,
  description: byStatus,
  response: { 200: healthSchema(word, 'Yes.'), 400: healthSchema(word, 'No.') },
})

/** Health and metadata: what an orchestrator and a client ask first. */
export function addProtocol(app: FastifyInstance, { live }: Context): void {
  const server = {
    name: 'brickwork',
    version: packageVersion(),
    extensions: ['binary_tensor_data', 'model_repository'],
  }
  const schema = { tags, operationId: 'server', summary: 'The server' }
  app.get('/v2', { schema: { ...schema, response: { 200: serverSchema } } }, async () => server)
  const isLive = health('serverLive', 'Whether the process answers', 'live')
  app.get('/v2/health/live', { schema: isLive }, async () => ({ live: true }))
  const isReady = health('serverReady', 'Whether the model is loaded', 'ready')
  app.get('/v2/health/ready', { schema: isReady }, async (_, reply) => ready(reply, live))
  for (const { path, params, ending } of modelPaths) addModel(app, live, path, params, ending)
}

function addModel(
  app: FastifyInstance,
  live: LiveModel,
  path: string,
  params: object,
  ending: string,
): void {
  const described = { tags, operationId: `model${ending}`, summary: 'The model', params }
  const response = { 200: modelSchema, ...errors(404, 503) }
  app.get<{ Params: ModelParams }>(
    path,
    { schema: { ...described, response } },
    async ({ params: { model, version } }) => describeModel(live.named(model, version).servable),
  )
  const question = health(`model${ending}Ready`, 'Whether the model answers', 'ready')
  const answers = { ...question.response, ...errors(404) }
  app.get<{ Params: ModelParams }>(
    `${path}/ready`,
    { schema: { ...question, params, response: answers } },
    async ({ params: { model, version } }, reply) => {
      if (live.live) live.named(model, version)
      return ready(reply, live)
    },
  )
}

/** The protocol wants 4xx for no; 400 is what Triton answers. */
function ready(reply: FastifyReply, { live }: LiveModel) {
  return reply.code(live ? 200 : 400).send({ ready: live !== undefined })
}

export function describeModel({ name, version, inputs, outputs }: Servable) {
  return { name, versions: [version], platform: 'brickwork', inputs, outputs }
}
