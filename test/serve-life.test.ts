import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Batcher, batchSizes } from '../src/serve/batcher.ts'
import { FileWatch } from '../src/serve/file-watch.ts'
import type { ServeOptions } from '../src/serve/options.ts'
import type { OpenServable } from '../src/serve/servable.ts'
import { serve } from '../src/serve/serve.ts'
import { ask, folderOfTest, linear, post, rawly, started, summing, until } from './serve-case.ts'

const folder = folderOfTest()

const request = (...rows: [number, number][]) => ({
  inputs: [{ name: 'input', shape: [rows.length, 2], datatype: 'FP32', data: rows.flat() }],
})

const inferSum = (url: string, ...rows: [number, number][]) =>
  post(`${url}/v2/models/sum/infer`, request(...rows))

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('batches', () => {
  test('sizes are powers of two, and the largest', () => {
    expect(batchSizes(1)).toEqual([1])
    expect(batchSizes(32)).toEqual([1, 2, 4, 8, 16, 32])
    expect(batchSizes(12)).toEqual([1, 2, 4, 8, 12])
  })

  test('all sizes are run before the first request', async () => {
    const { open, batches } = summing()
    await started(open, { maxBatch: 6 })
    expect(batches.map(({ shape }) => shape[0])).toEqual([1, 2, 4, 6])
  })

  test('a model of one batch size gets batches of that size, filled up', async () => {
    const { open, batches } = summing()
    const bound: OpenServable = async (version) => ({ ...(await open(version)), batch: 3 })
    const { url } = await started(bound, { maxBatch: 8 })
    expect((await inferSum(url, [1, 2])).json.outputs[0].data).toEqual([3])
    expect((await inferSum(url, [1, 2], [3, 4], [5, 6])).json.outputs[0].data).toEqual([3, 7, 11])
    const tooMany = await inferSum(url, [1, 1], [1, 1], [1, 1], [1, 1])
    expect(tooMany.json.error).toMatch(/4 examples/)
    expect(batches.map(({ shape }) => shape)).toEqual([
      [3, 2],
      [3, 2],
      [3, 2],
    ])
  })

  test('requests that come together are computed together, each gets its own', async () => {
    const { open, batches } = summing(5)
    const { url } = await started(open, { maxBatch: 16, maxDelayMs: 50 })
    batches.length = 0
    const answers = await Promise.all(
      Array.from({ length: 11 }, (_, i) => inferSum(url, [i, 100], [i, 200])),
    )
    for (const [i, { json }] of answers.entries()) {
      expect(json.outputs[0].data).toEqual([i + 100, i + 200])
    }
    expect(batches.length).toBeLessThan(6)
    for (const { shape } of batches) expect([2, 4, 8, 16]).toContain(shape[0])
  })

  test('a full batch waits for nobody, a lone example for no longer than was said', async () => {
    const { open } = summing()
    const { url } = await started(open, { maxBatch: 2, maxDelayMs: 400 })
    await ask(url)
    const full = performance.now()
    await inferSum(url, [1, 2], [3, 4])
    expect(performance.now() - full).toBeLessThan(300)
    const alone = performance.now()
    await inferSum(url, [1, 2])
    const took = performance.now() - alone
    expect(took).toBeGreaterThan(350)
    expect(took).toBeLessThan(2000)
  })

  test('what waits for too long is 503, what has started is answered', async () => {
    const { open } = summing(800)
    const { url } = await started(open, { maxBatch: 1, timeoutMs: 250 })
    const first = inferSum(url, [1, 2])
    await sleep(50)
    const second = await inferSum(url, [3, 4])
    expect(second.status).toBe(503)
    expect(second.headers.get('retry-after')).toBe('1')
    expect(second.json.error).toContain('no answer within 250 ms')
    expect((await first).json.outputs[0].data).toEqual([3])
  })

  test('clients that go away make room, and are no work', async () => {
    const { open, batches } = summing(100)
    const { url } = await started(open, { maxBatch: 1 })
    batches.length = 0
    const first = inferSum(url, [1, 2])
    await sleep(30)
    const leaving = new AbortController()
    const second = fetch(`${url}/v2/models/sum/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request([3, 4])),
      signal: leaving.signal,
    })
    await sleep(30)
    leaving.abort()
    await expect(second).rejects.toThrow()
    await first
    await sleep(150)
    expect(batches.map(({ data }) => data[0])).toEqual([1])
    expect((await ask(`${url}/metrics`)).bytes.toString()).toContain('status="499"} 1')
  })

  test('a model that throws fails its own requests alone', async () => {
    const { open } = summing()
    const breaking: OpenServable = async (version) => {
      const servable = await open(version)
      const run: typeof servable.run = (batch) => {
        if (batch.data.includes(13)) throw new Error('a secret')
        return servable.run(batch)
      }
      return { ...servable, run }
    }
    const lines: string[] = []
    const log = { write: (line: string) => lines.push(line) }
    const { url } = await started(breaking, { maxBatch: 1, log })
    const { status, json } = await inferSum(url, [13, 1])
    expect(status).toBe(500)
    expect(json.error).not.toContain('secret')
    expect(lines.join('')).toContain('a secret')
    expect((await inferSum(url, [1, 1])).status).toBe(200)
  })

  test('queues take examples out when nobody waits for them', async () => {
    const servable = await summing(20).open('1')
    const batcher = new Batcher(servable, { maxBatch: 2, maxDelayMs: 0, timeoutMs: 1000 })
    const gone = AbortSignal.abort(new Error('gone'))
    await expect(batcher.submit(Float32Array.of(1, 2), 1, gone)).rejects.toThrow('gone')
    expect(batcher.waiting).toBe(0)
    await expect(batcher.submit(Float32Array.of(1, 2), 1)).resolves.toEqual(Float32Array.of(3))
  })
})

describe('limits', () => {
  test('more requests at once than agreed on: 429, and then it goes on', async () => {
    const { open } = summing(50)
    const { url } = await started(open, { maxBatch: 1, queue: 3 })
    const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => inferSum(url, [i, i])))
    const statuses = answers.map(({ status }) => status)
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(3)
    const busy = answers.filter(({ status }) => status === 429)
    expect(busy.length).toBeGreaterThanOrEqual(1)
    expect(statuses.every((status) => status === 200 || status === 429)).toBe(true)
    expect(busy[0]!.headers.get('retry-after')).toBe('1')
    expect(busy[0]!.json.error).toMatch(/at most 3 at once, got 3 requests under way/)
    expect((await ask(`${url}/v2/health/ready`)).status).toBe(200)
    expect((await inferSum(url, [1, 1])).status).toBe(200)
  })

  test('more bytes at once than agreed on: 429', async () => {
    const { open } = summing(100)
    const { url } = await started(open, { maxBatch: 1, maxInFlightBytes: 100 })
    const first = inferSum(url, [1, 1])
    await sleep(30)
    expect((await inferSum(url, [1, 1])).status).toBe(429)
    expect((await first).status).toBe(200)
  })

  test('slow clients: 408, while others are answered', async () => {
    const { open } = summing()
    const { url } = await started(open, { timeoutMs: 300 })
    const head = `POST /v2/models/sum/infer HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`
    const slowBody = rawly(url, head)
    const slowHead = rawly(url, 'GET / HTTP/1.1\r\nHost:')
    const silent = rawly(url, '')
    for (let i = 0; i < 5; i++) expect((await inferSum(url, [i, i])).status).toBe(200)
    expect(await slowBody).toMatch(/^HTTP\/1.1 408 .*"error":"request: it took too long/s)
    expect(await slowHead).toMatch(/^HTTP\/1.1 408 /)
    await silent
    expect((await inferSum(url, [1, 1])).status).toBe(200)
  })

  test.each<[ServeOptions, RegExp]>([
    [{ maxBatch: 0 }, /serve: maxBatch: expected a whole number from 1 to 4096, got 0/],
    [{ port: 70_000 }, /port/],
    [{ maxDelayMs: Number.NaN }, /maxDelayMs/],
    [{ queue: 1.5 }, /queue/],
    [{ host: 'no.such.host.invalid', port: 0 }, /no.such.host.invalid, port 0/],
  ])('%j is refused at the start', async (options, words) => {
    await expect(serve(summing().open, { log: 'none', ...options })).rejects.toThrow(words)
  })

  test('a port that is in use is named', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await until(() => other.listening)
    const { port } = other.address() as { port: number }
    await expect(serve(summing().open, { log: 'none', port })).rejects.toThrow(
      new RegExp(`port ${port}.*in use.*Choose another`),
    )
    other.close()
  })
})

describe('new versions', () => {
  test('are swapped in under load without a failed request', async () => {
    let bias = 0
    const open: OpenServable = (version) => linear(bias)(version)
    const server = await started(open, { maxBatch: 8 })
    const url = `${server.url}/v2/models/linear/infer`
    const body = {
      inputs: [{ name: 'input', shape: [1, 4], datatype: 'FP32', data: [1, 0, 0, 0] }],
    }
    const seen = new Set<string>()
    let isOver = false
    const client = async () => {
      while (!isOver) {
        const { status, json } = await post(url, body)
        expect(status).toBe(200)
        const version = Number(json.model_version)
        // Each version has a bias of its own: answers are those of the version that they name.
        expect(json.outputs[0].data).toEqual([1, 1 + 10 * (version - 1), 1 + 20 * (version - 1)])
        seen.add(json.model_version)
      }
    }
    const clients = Promise.all(Array.from({ length: 8 }, client))
    await sleep(30)
    for (let version = 2; version <= 6; version++) {
      bias = 10 * (version - 1)
      await server.reload()
      expect(server.servable.version).toBe(`${version}`)
      await sleep(30)
    }
    isOver = true
    await clients
    expect([...seen].sort()).toEqual(['1', '2', '3', '4', '5', '6'])
    const { json } = await ask(`${server.url}/v2/models/linear`)
    expect(json.versions).toEqual(['6'])
    expect((await ask(`${server.url}/v2/models/linear/versions/1`)).status).toBe(404)
    const metrics = (await ask(`${server.url}/metrics`)).bytes.toString()
    expect(metrics).toContain('brickwork_model_version{model="linear"} 6')
    expect(metrics).toContain('brickwork_reloads_total{outcome="done"} 6')
  })

  test('a new version of another shape takes requests of that shape', async () => {
    const opened = [linear(), summing().open]
    const server = await started((version) => opened[Number(version) - 1]!(version), {
      maxBatch: 2,
    })
    await server.reload()
    expect((await inferSum(server.url, [1, 2])).json.outputs[0].data).toEqual([3])
  })

  test('one that can’t be loaded leaves the old one, is logged, and can be tried again', async () => {
    let isDamaged = false
    const { open } = summing()
    const lines: string[] = []
    const server = await started(
      async (version) => {
        if (isDamaged) throw new Error('damaged')
        return open(version)
      },
      { allowReload: true, log: { write: (line) => lines.push(line) } },
    )
    const load = () => ask(`${server.url}/v2/repository/models/sum/load`, { method: 'POST' })
    isDamaged = true
    await expect(server.reload()).rejects.toThrow('damaged')
    const failed = await load()
    expect(failed.status).toBe(500)
    expect(failed.json.error).toMatch(/damaged.*The version before goes on/)
    expect(lines.filter((line) => line.includes('not loaded'))).toHaveLength(2)
    expect((await inferSum(server.url, [1, 2])).json.model_version).toBe('1')
    isDamaged = false
    const loaded = await load()
    expect(loaded.json).toMatchObject({ name: 'sum', versions: ['2'] })
    const index = await ask(`${server.url}/v2/repository/index`, { method: 'POST' })
    expect(index.json).toEqual([{ name: 'sum', version: '2', state: 'READY' }])
    const unknown = await ask(`${server.url}/v2/repository/models/x/load`, { method: 'POST' })
    expect(unknown.status).toBe(404)
  })

  test('one whose first batch fails never answers', async () => {
    const { open } = summing()
    const server = await started(async (version) => {
      const servable = await open(version)
      return version === '1'
        ? servable
        : { ...servable, run: () => Promise.reject(new Error('no')) }
    })
    await expect(server.reload()).rejects.toThrow('no')
    expect((await inferSum(server.url, [1, 2])).status).toBe(200)
  })

  test('a first version that can’t be loaded ends the server', async () => {
    let url = ''
    const write = (line: string) => {
      url ||= /http:[^"]*/.exec(line)?.[0] ?? ''
    }
    const damaged = () => Promise.reject(new Error('damaged'))
    await expect(serve(damaged, { port: 0, log: { write } })).rejects.toThrow('damaged')
    await expect(fetch(url)).rejects.toThrow()
  })

  test('a file that is renamed into its place is loaded', async () => {
    const path = join(folder, 'model')
    writeFileSync(path, '1')
    const { open } = summing()
    const server = await started(open, { watch: [path], watchEveryMs: 10 })
    await sleep(50)
    expect(server.servable.version).toBe('1')
    writeFileSync(`${path}.tmp`, '2')
    renameSync(`${path}.tmp`, path)
    await until(() => server.servable.version === '2')
    await sleep(50)
    expect(server.servable.version).toBe('2')
  })

  test('the first file that exists is watched, and a change that goes on is waited for', async () => {
    const paths = ['best', 'last'].map((name) => join(folder, 'run', name))
    mkdirSync(join(folder, 'run'))
    writeFileSync(paths[1]!, 'a')
    let changes = 0
    const watch = new FileWatch(paths, 20, () => changes++)
    await watch.start()
    writeFileSync(paths[1]!, 'ab')
    await until(() => changes === 1)
    copyFileSync(paths[1]!, paths[0]!)
    await until(() => changes === 2)
    writeFileSync(paths[1]!, 'abc')
    await sleep(100)
    expect(changes).toBe(2)
    for (let i = 0; i < 20; i++) {
      writeFileSync(paths[0]!, 'x'.repeat(i + 5))
      await sleep(5)
    }
    expect(changes).toBe(2)
    await until(() => changes === 3)
    watch.stop()
    writeFileSync(paths[0]!, 'over')
    await sleep(100)
    expect(changes).toBe(3)
  })
})

describe('the end', () => {
  test('what is under way is answered, nothing new is taken on', async () => {
    const { open } = summing(150)
    const server = await started(open, { maxBatch: 2, graceMs: 5000 })
    const under = Array.from({ length: 6 }, (_, i) => inferSum(server.url, [i, i]))
    await sleep(60)
    const closing = server.close()
    await sleep(20)
    await expect(fetch(`${server.url}/v2`)).rejects.toThrow()
    for (const [i, { status, json }] of (await Promise.all(under)).entries()) {
      expect(status).toBe(200)
      expect(json.outputs[0].data).toEqual([2 * i])
    }
    const answered = performance.now()
    await closing
    expect(performance.now() - answered).toBeLessThan(1000)
    await server.close()
  })

  test('a client that keeps a connection open does not hold it up', async () => {
    const server = await started(summing().open, { graceMs: 5000 })
    const idle = rawly(server.url, 'GET /v2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await sleep(50)
    const start = performance.now()
    await server.close()
    expect(performance.now() - start).toBeLessThan(2000)
    expect(await idle).toContain('200 OK')
  })

  test('the time of grace ends all', async () => {
    const server = await started(summing().open, { graceMs: 100 })
    const slow = rawly(
      server.url,
      'POST /v2/models/sum/infer HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    )
    await sleep(50)
    const start = performance.now()
    await server.close()
    expect(performance.now() - start).toBeLessThan(2000)
    await slow
  })
})
