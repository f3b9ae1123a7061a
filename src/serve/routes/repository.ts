import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { Refusal } from '../refusal.ts'
import { errors, modelParams, modelSchema, repositorySchema } from '../schemas.ts'
import { describeModel, type ModelParams } from './protocol.ts'

const tags = ['Model repository']

/** What is loaded, and loading it anew on request, where that is allowed. */
export function addRepository(app: FastifyInstance, { live, settings }: Context): void {
  app.post(
    '/v2/repository/index',
    {
      schema: {
        tags,
        operationId: 'repository',
        summary: 'What is loaded',
        response: { 200: repositorySchema, ...errors(503) },
      },
    },
    async () => {
      const { name, version } = live.require().servable
      return [{ name, version, state: 'READY' }]
    },
  )
  app.post<{ Params: ModelParams }>(
    '/v2/repository/models/:model/load',
    {
      schema: {
        tags,
        operationId: 'loadModel',
        summary: 'Loads the model anew; the old version answers until the new one can',
        params: modelParams,
        response: { 200: modelSchema, ...errors(403, 404, 500, 503) },
      },
    },
    async ({ params: { model } }) => {
      if (!settings.allowReload) throw notAllowed()
      live.named(model)
      const { servable } = await live.load().catch((reason: Error) => {
        throw notLoaded(model, reason)
      })
      return describeModel(servable)
    },
  )
}

function notAllowed(): Refusal {
  return new Refusal(403, {
    where: 'loading',
    got: 'a request over the network',
    wanted: 'a server that was told to let it in',
    remedy: 'Start it with --allow-reload, or have it watch the files with --watch.',
  })
}

function notLoaded(model: string, { message }: Error): Refusal {
  return new Refusal(500, {
    where: `model ${model}`,
    wanted: 'a whole checkpoint',
    got: `an error (${message})`,
    remedy: 'The version before goes on.',
  })
}
