import { beforeAll, describe, expect, test } from 'vitest'
import type { Server } from '../src/serve/serve.ts'
import { ask, post, started, summing } from './serve-case.ts'

let server: Server
const lines: string[] = []
const logged = () => lines.map((line) => JSON.parse(line))
beforeAll(async () => {
  server = await started(summing().open, {
    allowReload: true,
    logLevel: 'debug',
    log: { write: (line) => lines.push(line) },
  })
})

const infer = (headers = {}) =>
  post(
    `${server.url}/v2/models/sum/infer`,
    { inputs: [{ name: 'input', shape: [1, 2], datatype: 'FP32', data: [1, 2] }] },
    { 'content-type': 'application/json', ...headers },
  )

interface Schema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
}

/** Whether a value has the types and the properties that a schema asks for. */
function fits(value: unknown, { type, properties = {}, required = [], items }: Schema): boolean {
  const types = [type ?? []].flat()
  const own = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const isWhole = own === 'number' && Number.isInteger(value) && types.includes('integer')
  if (types.length > 0 && !types.includes(own) && !isWhole) return false
  if (own === 'array') return !items || (value as unknown[]).every((item) => fits(item, items))
  if (own !== 'object') return true
  const entries = value as Record<string, unknown>
  return (
    required.every((name) => name in entries) &&
    Object.entries(properties).every(([name, s]) => !(name in entries) || fits(entries[name], s))
  )
}

describe('openapi.json', () => {
  interface Operation {
    readonly operationId: string
    readonly summary: string
    readonly tags: readonly string[]
    readonly parameters?: readonly { readonly name: string; readonly in: string }[]
    readonly requestBody?: { readonly content: Readonly<Record<string, Media>> }
    readonly responses: Readonly<
      Record<string, { description: string; content: Record<string, Media> }>
    >
  }
  interface Media {
    readonly schema: Schema
    readonly example?: unknown
    readonly examples?: unknown
  }
  const operations = async () => {
    const { json } = await ask(`${server.url}/openapi.json`)
    const paths = json.paths as Record<string, Record<string, Operation>>
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
    )
  }

  test('has all addresses', async () => {
    const { json } = await ask(`${server.url}/openapi.json`)
    expect(json.openapi).toBe('3.1.0')
    expect(json.info.version).toMatch(/^\d+\.\d+\.\d+/)
    const found = (await operations()).map(({ method, path }) => `${method} ${path}`).sort()
    const model = '/v2/models/{model}'
    const version = `${model}/versions/{version}`
    expect(found).toEqual(
      [
        'get /metrics',
        'get /v2',
        'get /v2/health/live',
        'get /v2/health/ready',
        ...[model, version].flatMap((at) => [`get ${at}`, `get ${at}/ready`, `post ${at}/infer`]),
        'post /classify',
        'post /feedback',
        'post /v2/repository/index',
        'post /v2/repository/models/{model}/load',
      ].sort(),
    )
  })

  test('names each operation once, with its parameters and answers', async () => {
    const all = await operations()
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length)
    for (const { path, summary, tags, parameters = [], responses } of all) {
      expect(summary).toMatch(/./)
      expect(tags).toHaveLength(1)
      const inPath = parameters.filter((p) => p.in === 'path').map(({ name }) => name)
      expect(inPath).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name))
      expect(Object.keys(responses)).toContain('200')
      for (const { description } of Object.values(responses)) {
        expect(description).toMatch(/./)
        expect(description).not.toBe('Default Response')
      }
    }
  })

  test('its examples are what its schemas say', async () => {
    let examples = 0
    for (const { requestBody, responses } of await operations()) {
      const media = [
        ...Object.values(requestBody?.content ?? {}),
        ...Object.values(responses).flatMap(({ content }) => Object.values(content ?? {})),
      ]
      for (const { schema, example } of media) {
        if (example === undefined) continue
        expect(fits(example, schema), JSON.stringify(example)).toBe(true)
        examples++
      }
    }
    expect(examples).toBeGreaterThan(20)
  })
})

describe('metrics', () => {
  test('count requests by route and status, batches, versions and the process', async () => {
    await infer()
    await ask(`${server.url}/nothing/of/this/kind`)
    const { headers, bytes } = await ask(`${server.url}/metrics`)
    expect(headers.get('content-type')).toContain('text/plain')
    const text = bytes.toString()
    for (const line of [
      'brickwork_requests_total{route="/v2/models/:model/infer",method="POST",status="200"} 1',
      'brickwork_requests_total{route="none",method="GET",status="404"} 1',
      'brickwork_request_duration_seconds_count{route="/v2/models/:model/infer"} 1',
      'brickwork_batch_size_count 1',
      'brickwork_batch_size_sum 1',
      'brickwork_queue_length 0',
      'brickwork_requests_in_flight 0',
      'brickwork_model_version{model="sum"} 1',
    ]) {
      expect(text).toContain(`${line}\n`)
    }
    for (const name of ['process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds']) {
      expect(text).toMatch(new RegExp(`^${name} [\\d.e-]+$`, 'm'))
    }
  })
})

describe('logs', () => {
  test('are a line of JSON for each request, with its id', async () => {
    const { headers } = await infer({ 'x-request-id': 'mine-1' })
    expect(headers.get('x-request-id')).toBe('mine-1')
    const entry = logged().find(({ reqId }) => reqId === 'mine-1')
    expect(entry).toMatchObject({
      level: 'info',
      msg: 'request',
      method: 'POST',
      path: '/v2/models/sum/infer',
      status: 200,
    })
    expect(Date.parse(entry.time)).toBeGreaterThan(0)
    expect(entry.ms).toBeGreaterThan(0)
  })

  test('never show what a client puts into an id or an address', async () => {
    const { headers } = await infer({ 'x-request-id': 'a b"c' })
    expect(headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
    await ask(`${server.url}/v2?password=x`)
    expect(logged().at(-1)).toMatchObject({ path: '/v2', status: 200 })
    expect(lines.join('')).not.toContain('password')
  })

  test('health is asked for often, and told at level debug', async () => {
    await ask(`${server.url}/v2/health/live`)
    expect(logged().at(-1)).toMatchObject({ level: 'debug', path: '/v2/health/live' })
  })

  test('versions are told', () => {
    const loaded = logged().find(({ msg }) => msg === 'loaded')
    expect(loaded).toMatchObject({ model: 'sum', version: '1' })
  })
})

test('the first page says what is here', async () => {
  const { bytes, headers } = await ask(server.url)
  expect(headers.get('content-type')).toContain('text/plain')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  const text = bytes.toString()
  expect(text).toContain('sum, version 1: FP32 [n, 2] → FP32 [n, 1]')
  for (const address of ['/v2/models/sum/infer', '/load', '/openapi.json', '/metrics']) {
    expect(text).toContain(address)
  }
  expect(text).not.toContain('/classify')
  expect(text).not.toContain('/feedback')
})
