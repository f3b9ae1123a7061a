import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'

/** For people, tools and Prometheus: what is here, and how it does. */
export function addAbout(app: FastifyInstance, context: Context): void {
  const { metrics } = context
  app.get('/', { schema: { hide: true } }, async (_, reply) =>
    reply.type('text/plain; charset=utf-8').send(welcome(context)),
  )
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  const described = {
    tags: ['Operation'],
    operationId: 'metrics',
    summary: 'Counters in Prometheus’ text format',
  }
  const content = { 'text/plain': { schema: { type: 'string' } } }
  const response = { 200: { description: 'Counters.', content } }
  app.get('/metrics', { schema: { ...described, response } }, async (_, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  )
}

function welcome({ live: { live }, settings, feedback }: Context): string {
  const name = live?.servable.name ?? 'MODEL'
  const what = live
    ? `${name}, version ${live.servable.version}: ${showTensor(live.servable.inputs[0])} → ${showTensor(live.servable.outputs[0])}`
    : 'The model is being loaded.'
  const isImages = live?.servable.image !== undefined
  const addresses: [isHere: boolean, address: string, about: string][] = [
    [true, `POST /v2/models/${name}/infer`, 'tensors in, tensors out (Open Inference Protocol v2)'],
    [true, `GET  /v2/models/${name}`, 'what it takes and gives'],
    [isImages, 'POST /classify?top=5', 'an image file: what is on it'],
    [isImages && feedback !== undefined, 'POST /feedback', 'the right label of an image'],
    [settings.allowReload, `POST /v2/repository/models/${name}/load`, 'loads the model anew'],
    [true, 'GET  /v2/health/ready', 'whether it answers'],
    [true, 'GET  /openapi.json', 'all addresses, with schemas and examples'],
    [true, 'GET  /metrics', 'counters for Prometheus'],
  ]
  const shown = addresses.filter(([isHere]) => isHere)
  const wide = Math.max(...shown.map(([, address]) => address.length))
  const lines = shown.map(([, address, about]) => `${address.padEnd(wide)}  ${about}`)
  return `${[what, '', ...lines].join('\n')}\n`
}

function showTensor({
  datatype,
  shape,
}: {
  readonly datatype: string
  readonly shape: readonly number[]
}): string {
  return `${datatype} [n, ${shape.slice(1).join(', ')}]`
}
