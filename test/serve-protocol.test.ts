import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Server } from '../src/serve/serve.ts'
import { ask, linear, post, rawly, started } from './serve-case.ts'

let server: Server
let infer: string
beforeAll(async () => {
  server = await started(linear(10), { maxBatch: 4, maxBodyBytes: 10_000 })
  infer = `${server.url}/v2/models/linear/infer`
})

const input = (more: object) => ({ name: 'input', shape: [1, 4], datatype: 'FP32', ...more })
const request = (more: object) => ({ inputs: [input(more)] })
const octets = { 'content-type': 'application/octet-stream' }

/** A body of a JSON part and bytes, with its headers. */
function binary(json: unknown, bytes: Uint8Array) {
  const head = Buffer.from(JSON.stringify(json))
  const headers = { ...octets, 'inference-header-content-length': `${head.length}` }
  return [Buffer.concat([head, bytes]), headers] as const
}

const bytesOf = (array: { readonly buffer: ArrayBufferLike }) => new Uint8Array(array.buffer)

describe('health and metadata', () => {
  test('the server', async () => {
    const { json, status } = await ask(`${server.url}/v2`)
    expect(status).toBe(200)
    expect(json.name).toBe('brickwork')
    expect(json.extensions).toContain('binary_tensor_data')
  })

  test.each([
    'health/live',
    'health/ready',
    'models/linear/ready',
    'models/linear/versions/1/ready',
  ])('/v2/%s', async (path) => {
    const { status, json } = await ask(`${server.url}/v2/${path}`)
    expect(status).toBe(200)
    expect(json).toEqual({ [path.split('/').at(-1)!]: true })
  })

  test('the model, with and without its version', async () => {
    for (const path of ['', '/versions/1']) {
      const { json } = await ask(`${server.url}/v2/models/linear${path}`)
      expect(json).toEqual({
        name: 'linear',
        versions: ['1'],
        platform: 'brickwork',
        inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 4] }],
        outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 3] }],
      })
    }
  })

  test('while the first version is loaded, it lives but is not ready', async () => {
    let url = ''
    let loaded = () => {}
    const starting = started(
      async (version) => {
        await new Promise<void>((resolve) => {
          loaded = resolve
        })
        return linear()(version)
      },
      {
        log: {
          write: (line) => {
            url ||= /http:[^"]*/.exec(line)?.[0] ?? ''
          },
        },
      },
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await ask(`${url}/v2/health/live`)).status).toBe(200)
    expect(await ask(`${url}/v2/health/ready`)).toMatchObject({
      status: 400,
      json: { ready: false },
    })
    const early = await post(`${url}/v2/models/linear/infer`, request({ data: [1, 2, 3, 4] }))
    expect(early.status).toBe(503)
    expect(early.headers.get('retry-after')).toBe('1')
    loaded()
    await starting
    expect((await ask(`${url}/v2/health/ready`)).status).toBe(200)
  })
})

describe('infer', () => {
  const expected = [
    { name: 'output', datatype: 'FP32', shape: [2, 3], data: [10, 20, 30, 0.5, 10.5, 20.5] },
  ]

  test('JSON, flat and nested, with the id', async () => {
    const flat = [1, 2, 3, 4, 0.5, 0, 0, 0]
    const nested = [flat.slice(0, 4), flat.slice(4)]
    for (const data of [flat, nested]) {
      const { json, status } = await post(infer, {
        id: 'mine',
        ...request({ shape: [2, 4], data }),
      })
      expect(status).toBe(200)
      expect(json).toEqual({
        model_name: 'linear',
        model_version: '1',
        id: 'mine',
        outputs: expected,
      })
    }
  })

  test('at a version, and named outputs', async () => {
    const url = `${server.url}/v2/models/linear/versions/1/infer`
    const body = { ...request({ data: [1, 2, 3, 4] }), outputs: [{ name: 'output' }] }
    expect((await post(url, body)).json.outputs[0].data).toEqual([10, 20, 30])
  })

  test('without a media type, as some clients send it', async () => {
    const text = JSON.stringify(request({ data: [1, 2, 3, 4] }))
    const got = await rawly(
      infer,
      `POST ${new URL(infer).pathname} HTTP/1.1\r\nHost: a\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n${text}`,
    )
    expect(got).toContain('[10,20,30]')
    const bad = '{"inputs":[{"name":"input"}]}'
    const refused = await rawly(
      infer,
      `POST ${new URL(infer).pathname} HTTP/1.1\r\nHost: a\r\nContent-Length: ${bad.length}\r\nConnection: close\r\n\r\n${bad}`,
    )
    expect(refused).toContain('400 Bad Request')
  })

  test.each([
    ['BOOL', [true, false, 1, 0], Uint8Array.of(1, 0, 1, 0), [2, 12, 22]],
    ['UINT8', [255, 0, 1, 0], Uint8Array.of(255, 0, 1, 0), [256, 266, 276]],
    ['UINT16', [65535, 0, 1, 0], Uint16Array.of(65535, 0, 1, 0), [65536, 65546, 65556]],
    ['UINT32', [7, 0, 1, 0], Uint32Array.of(7, 0, 1, 0), [8, 18, 28]],
    ['UINT64', [7, 0, 1, 0], BigUint64Array.of(7n, 0n, 1n, 0n), [8, 18, 28]],
    ['INT8', [-128, 0, 1, 0], Int8Array.of(-128, 0, 1, 0), [-127, -117, -107]],
    ['INT16', [-7, 0, 1, 0], Int16Array.of(-7, 0, 1, 0), [-6, 4, 14]],
    ['INT32', [-7, 0, 1, 0], Int32Array.of(-7, 0, 1, 0), [-6, 4, 14]],
    ['INT64', [-7, 0, 1, 0], BigInt64Array.of(-7n, 0n, 1n, 0n), [-6, 4, 14]],
    ['FP16', [1.5, -0.25, 0, 0], Uint16Array.of(0x3e00, 0xb400, 0, 0x8000), [1.25, 11.25, 21.25]],
    ['FP32', [0.5, 0, 1, 0], Float32Array.of(0.5, 0, 1, 0), [1.5, 11.5, 21.5]],
    ['FP64', [0.5, 0, 1, 0], Float64Array.of(0.5, 0, 1, 0), [1.5, 11.5, 21.5]],
  ])('%s in JSON and as bytes', async (datatype, data, array, results) => {
    const inJson = await post(infer, request({ datatype, data }))
    expect(inJson.json.outputs?.[0].data, inJson.json.error).toEqual(results)
    const size = array.byteLength
    const json = request({ datatype, parameters: { binary_data_size: size } })
    const inBytes = await post(infer, ...binary(json, bytesOf(array)))
    expect(inBytes.json.outputs?.[0].data, inBytes.json.error).toEqual(results)
  })

  test.each([
    { parameters: { binary_data_output: true } },
    { outputs: [{ name: 'output', parameters: { binary_data: true } }] },
  ])('bytes out, asked for by %j', async (more) => {
    const { bytes, headers } = await post(infer, {
      id: 'a',
      ...request({ data: [1, 2, 3, 4] }),
      ...more,
    })
    expect(headers.get('content-type')).toBe('application/octet-stream')
    const length = Number(headers.get('inference-header-content-length'))
    const json = JSON.parse(bytes.toString('utf8', 0, length))
    expect(json.id).toBe('a')
    expect(json.outputs).toEqual([
      {
        name: 'output',
        datatype: 'FP32',
        shape: [1, 3],
        parameters: { binary_data_size: 12 },
      },
    ])
    const rest = bytes.subarray(length)
    expect([0, 4, 8].map((at) => rest.readFloatLE(at))).toEqual([10, 20, 30])
  })

  test('bytes alone, with a header length of 0', async () => {
    const bytes = bytesOf(Float32Array.of(1, 2, 3, 4, 0.5, 0, 0, 0))
    const headers = { ...octets, 'inference-header-content-length': '0' }
    expect((await post(infer, bytes, headers)).json.outputs).toEqual(expected)
  })

  test('NaN and infinities pass as bytes, and are null in JSON', async () => {
    const bytes = bytesOf(Float32Array.of(Number.NaN, 0, 0, 0))
    const json = request({ parameters: { binary_data_size: 16 } })
    expect((await post(infer, ...binary(json, bytes))).json.outputs[0].data).toEqual([
      null,
      null,
      null,
    ])
  })

  test('FP32 comes back as itself from JSON', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.float({ noNaN: true, noDefaultInfinity: true, max: 2 ** 100, min: -(2 ** 100) }),
        async (x) => {
          const { json } = await post(infer, request({ data: [x, 0, 0, 0] }))
          expect(Math.fround(json.outputs[0].data[0])).toBe(Math.fround(x + 0))
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('what is refused', () => {
  const data = [1, 2, 3, 4]
  test.each([
    [
      'another shape',
      request({ shape: [4], data }),
      /shape \[4\].*\[n, 4\].*n from 1 to 4|expected \[n, 4\]/,
    ],
    ['no examples', request({ shape: [0, 4], data: [] }), /n from 1 to 4/],
    ['too many examples', request({ shape: [5, 4], data: new Array(20).fill(0) }), /5 examples/],
    [
      'too few numbers',
      request({ data: [1, 2] }),
      /expected 4 for the shape \[1, 4\], got 2 numbers/,
    ],
    ['lists of another length', request({ data: [[1, 2, 3]] }), /got 3 items/],
    ['lists too deep', request({ data: [[[1], [2], [3], [4]]] }), /element 0.*no number/],
    ['too many lists', request({ data: [data, data] }), /got 2 items/],
    ['text', request({ data: [1, 'two', 3, 4] }), /element 1: expected FP32, got two/],
    ['null', request({ data: [1, null, 3, 4] }), /element 1/],
    ['a number beyond FP32', request({ data: [1e39, 0, 0, 0] }), /beyond FP32/],
    [
      'half a number',
      request({ datatype: 'INT32', data: [0.5, 0, 0, 0] }),
      /expected INT32, got 0.5/,
    ],
    [
      '300 as UINT8',
      request({ datatype: 'UINT8', data: [300, 0, 0, 0] }),
      /expected UINT8, got 300/,
    ],
    ['a large INT32', request({ datatype: 'INT32', data: [2 ** 24 + 1, 0, 0, 0] }), /exactly/],
    ['another datatype', request({ datatype: 'BYTES', data }), /datatype 'BYTES'/],
    ['a name of every object', request({ datatype: 'toString', data }), /datatype 'toString'/],
    [
      'another input',
      { inputs: [{ ...input({ data }), name: 'x' }] },
      /expected one input 'input'/,
    ],
    ['two inputs', { inputs: [input({ data }), input({ data })] }, /one input/],
    ['another output', { ...request({ data }), outputs: [{ name: 'x' }] }, /output 'x'/],
    ['no data', request({}), /got neither/],
    [
      'bytes that are not there',
      request({ parameters: { binary_data_size: 16 } }),
      /without bytes/,
    ],
    ['both', request({ data, parameters: { binary_data_size: 16 } }), /one of the two/],
    ['no inputs', {}, /inputs/],
    ['none of the inputs', { inputs: [] }, /inputs/],
    ['a number for inputs', { inputs: 3 }, /body\/inputs: expected array/],
    ['a list', [], /body: expected object/],
    ['a shape of text', request({ shape: ['1', 4], data }), /shape\/0/],
    ['a broken shape', request({ shape: [1.5, 4], data }), /shape\/0/],
    ['a huge shape', request({ shape: [2 ** 31 - 1, 4], data }), /2147483647 examples/],
    ['many sizes', request({ shape: new Array(17).fill(1), data }), /shape/],
    ['an id of another type', { id: 3, ...request({ data }) }, /body\/id/],
  ])('%s: 400', async (_, body, text) => {
    const { status, json } = await post(infer, body)
    expect(status).toBe(400)
    expect(json.error).toMatch(text)
  })

  test.each([
    ['nothing', '', /nothing/],
    ['half of it', '{"inputs":[', /body: expected JSON, got Unexpected end/],
    ['something else', 'inputs=1', /Unexpected token/],
    ['a prototype', '{"__proto__":{"a":1},"inputs":[]}', /__proto__/],
    ['a constructor', '{"constructor":{"prototype":{"a":1}}}', /constructor/],
  ])('JSON that is %s: 400', async (_, text, words) => {
    const { status, json } = await post(infer, text)
    expect(status).toBe(400)
    expect(json.error).toMatch(words)
  })

  test.each([
    [
      'a size that is not theirs',
      request({ parameters: { binary_data_size: 12 } }),
      16,
      /16 bytes behind/,
    ],
    [
      'a size that is not the shape’s',
      request({ parameters: { binary_data_size: 12 } }),
      12,
      /expected 16 bytes/,
    ],
    ['data as well', request({ data }), 16, /16 bytes behind the JSON part/],
    ['another schema', { inputs: 1 }, 16, /body\/inputs/],
  ])('bytes with %s: 400', async (_, json, bytes, words) => {
    const got = await post(infer, ...binary(json, new Uint8Array(bytes)))
    expect(got.status).toBe(400)
    expect(got.json.error).toMatch(words)
  })

  test.each([
    ['none', undefined],
    ['text', 'x'],
    ['too long', '999'],
    ['negative', '-1'],
    ['huge', '99999999999999999999'],
  ])('a header length that is %s: 400', async (_, length) => {
    const headers = length ? { ...octets, 'inference-header-content-length': length } : octets
    const { status, json } = await post(infer, new Uint8Array(16), headers)
    expect(status).toBe(400)
    expect(json.error).toMatch(/inference-header-content-length/)
  })

  test('bytes alone that are no whole example: 400', async () => {
    const headers = { ...octets, 'inference-header-content-length': '0' }
    for (const length of [0, 15, 17]) {
      const { status, json } = await post(infer, new Uint8Array(length), headers)
      expect(status).toBe(400)
      expect(json.error).toMatch(/multiple of 16/)
    }
  })

  test('integers as bytes that FP32 can’t hold: 400', async () => {
    const array = BigInt64Array.of(2n ** 40n + 1n, 0n, 0n, 0n)
    const json = request({ datatype: 'INT64', parameters: { binary_data_size: 32 } })
    const got = await post(infer, ...binary(json, bytesOf(array)))
    expect(got.json.error).toMatch(/FP32 can't hold exactly/)
  })

  test('a body that is too long: 413', async () => {
    const { status, json } = await post(infer, ' '.repeat(10_001))
    expect(status).toBe(413)
    expect(json.error).toMatch(/at most 10000 bytes/)
  })

  test('a body that becomes too long while it comes: 413', async () => {
    const chunk = `1388\r\n${' '.repeat(5000)}\r\n`
    const head = `POST ${new URL(infer).pathname} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`
    expect(await rawly(infer, `${head}${chunk.repeat(3)}0\r\n\r\n`)).toContain('413')
  })

  test.each([
    ['text/plain', {}],
    ['multipart/form-data; boundary=x', {}],
    ['application/x-www-form-urlencoded', {}],
    ['application/jsonp', {}],
    ['application/json', { 'content-encoding': 'gzip' }],
  ])('%s with %j: 415', async (type, more) => {
    const { status, json } = await post(infer, '{}', { 'content-type': type, ...more })
    expect(status).toBe(415)
    expect(json.error).toMatch(/^Content-(Type|Encoding): expected/)
  })

  test.each([
    ['GET', '/nothing'],
    ['GET', '/v2/models/other'],
    ['GET', '/v2/models/linear/versions/2'],
    ['GET', '/v2/models/linear/versions/2/ready'],
    ['GET', '/v2/models/%2e%2e%2f'],
    ['POST', '/classify'],
    ['POST', '/feedback'],
  ])('%s %s: 404', async (method, path) => {
    const init = method === 'GET' ? {} : { body: 'x', headers: { 'content-type': 'image/png' } }
    const { status, json } = await ask(`${server.url}${path}`, { method, ...init })
    expect(status).toBe(404)
    expect(json.error).toMatch(/./)
  })

  test.each([
    ['a name that is too long', `/v2/models/${'a'.repeat(500)}`, 414],
    ['no address', '/v2/models/%zz', 400],
  ])('%s', async (_, path, wanted) => {
    const { status, json } = await ask(`${server.url}${path}`)
    expect(status).toBe(wanted)
    expect(json).toEqual({ error: expect.stringMatching(/./) })
  })

  test('an unknown model or version of infer: 404', async () => {
    for (const path of ['other', 'linear/versions/7']) {
      const url = `${server.url}/v2/models/${path}/infer`
      expect((await post(url, request({ data: [1, 2, 3, 4] }))).status).toBe(404)
    }
  })

  test.each([
    ['GET', '/v2/models/linear/infer', 'POST'],
    ['DELETE', '/v2/models/linear', 'GET, HEAD'],
    ['POST', '/metrics', 'GET, HEAD'],
    ['PUT', '/classify', 'POST'],
    ['OPTIONS', '/classify', 'POST'],
  ])('%s %s: 405', async (method, path, allow) => {
    const { status, json, headers } = await ask(`${server.url}${path}`, { method })
    expect(status).toBe(405)
    expect(headers.get('allow')).toBe(allow)
    expect(json.error).toContain(`expected ${allow}, got ${method}`)
  })

  test('loading that is not let in: 403', async () => {
    const { status, json } = await ask(`${server.url}/v2/repository/models/linear/load`, {
      method: 'POST',
    })
    expect(status).toBe(403)
    expect(json.error).toContain('--allow-reload')
  })

  test.each([
    ['no HTTP', 'hello\r\n\r\n', '400'],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      '400',
    ],
    [
      'a length and chunks',
      'POST /v2 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      '400',
    ],
    ['endless headers', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, '431'],
  ])('%s', async (_, text, status) => {
    expect(await rawly(server.url, text)).toMatch(
      new RegExp(`^HTTP/1.1 ${status}.*\\{"error":`, 's'),
    )
  })

  test('a name that is no part of an address is refused at the start', async () => {
    const open = async (version: string) => ({ ...(await linear()(version)), name: 'a/b' })
    await expect(started(open)).rejects.toThrow(/name of the model/)
  })
})

describe('whatever comes', () => {
  const goesOn = async () => {
    const { json } = await post(infer, request({ data: [1, 2, 3, 4] }))
    expect(json.outputs[0].data).toEqual([10, 20, 30])
  }

  test('any JSON is answered 200 or 400', async () => {
    const tensor = fc.record(
      {
        name: fc.oneof(fc.constant('input'), fc.string()),
        shape: fc.oneof(fc.constant([1, 4]), fc.array(fc.integer()), fc.anything()),
        datatype: fc.oneof(fc.constantFrom('FP32', 'INT8', 'BYTES', '__proto__'), fc.anything()),
        data: fc.oneof(fc.array(fc.anything()), fc.anything()),
        parameters: fc.oneof(fc.record({ binary_data_size: fc.anything() }), fc.anything()),
      },
      { requiredKeys: [] },
    )
    const body = fc.oneof(
      fc.json(),
      fc.record({ id: fc.anything(), inputs: fc.oneof(fc.array(tensor), fc.anything()) }),
    )
    await fc.assert(
      fc.asyncProperty(body, async (value) => {
        const text = typeof value === 'string' ? value : (JSON.stringify(value, safely) ?? '')
        expect([200, 400]).toContain((await post(infer, text)).status)
      }),
      { numRuns: 200 },
    )
    await goesOn()
  })

  test('any bytes behind any JSON are answered 200 or 400', async () => {
    const head = JSON.stringify(request({ parameters: { binary_data_size: 16 } }))
    const bytes = fc.uint8Array({ maxLength: 100 })
    await fc.assert(
      fc.asyncProperty(bytes, fc.integer({ min: -1, max: 300 }), async (rest, length) => {
        const body = Buffer.concat([Buffer.from(head), rest])
        const headers = { ...octets, 'inference-header-content-length': `${length}` }
        expect([200, 400]).toContain((await post(infer, body, headers)).status)
      }),
      { numRuns: 200 },
    )
    await goesOn()
  })

  test('any start of a connection ends with an answer or a closed connection', async () => {
    const texts = fc.uint8Array({ minLength: 1, maxLength: 200 })
    await fc.assert(
      fc.asyncProperty(texts, async (bytes) => {
        expect(await rawly(server.url, bytes, true)).toMatch(/^(?:HTTP\/1\.1 4\d\d|$)/)
      }),
      { numRuns: 100 },
    )
    await goesOn()
  })

  test('deep lists do no harm', async () => {
    const deep = `{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":${'['.repeat(4000)}${']'.repeat(4000)}}]}`
    expect((await post(infer, deep)).status).toBe(400)
    await goesOn()
  })
})

/** What JSON has no word for is left out. */
const safely = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
