import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { Linear } from '../src/nn/linear/linear.ts'
import { servableOf } from '../src/serve/model-servable.ts'
import type { ServeOptions } from '../src/serve/options.ts'
import type { ImageSide, OpenServable, Servable } from '../src/serve/servable.ts'
import { type Server, serve } from '../src/serve/serve.ts'

/** A folder for the tests of a file, gone after them. */
export function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), 'brickwork-serve-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const running: Server[] = []
afterAll(async () => {
  for (const server of running) await server.close()
})

/** A server on a free port, ended after the tests of the file. */
export async function started(open: OpenServable, options: ServeOptions = {}): Promise<Server> {
  const server = await serve(open, {
    port: 0,
    log: 'none',
    maxDelayMs: 1,
    graceMs: 500,
    ...options,
  })
  running.push(server)
  return server
}

/** y = x W ᵀ + b of 4 numbers, with weights and biases that make results easy to say: all `bias` more than the sum. */
export const linear =
  (bias = 0): OpenServable =>
  async (version) => {
    const model = new Linear(4, 3)
    await model.weight.load(new Float32Array(12).fill(1))
    await model.bias!.load(Float32Array.of(0, bias, 2 * bias))
    return servableOf(model, { name: 'linear', version, inputShape: [4] })
  }

/** A model without a backend: the sum of two numbers, after a pause; what it was given is kept. */
export function summing(pauseMs = 0, image?: ImageSide) {
  const batches: ArrayView<'f32'>[] = []
  const open: OpenServable = async (version): Promise<Servable> => ({
    name: 'sum',
    version,
    inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 2] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: [-1, 1] }],
    run: async (batch) => {
      batches.push(batch)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      const { data } = batch
      const sums = Float32Array.from({ length: batch.shape[0]! }, (_, i) => {
        return data[2 * i]! + data[2 * i + 1]!
      })
      return { dtype: 'f32', shape: [batch.shape[0]!, 1], data: sums }
    },
    ...(image ? { image } : {}),
  })
  return { open, batches }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into by the tests.
  readonly json: any
  readonly bytes: Buffer
}

/** One request. */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const { status, headers, ...rest } = await fetch(url, init).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  }))
  const isJson = headers.get('content-type')?.startsWith('application/json')
  return { status, headers, ...rest, json: isJson ? JSON.parse(rest.bytes.toString()) : undefined }
}

export const post = (
  url: string,
  body: unknown,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<Answer> =>
  ask(url, {
    method: 'POST',
    headers,
    body:
      typeof body === 'string' || body instanceof Uint8Array
        ? (body as string)
        : JSON.stringify(body),
  })

/** Writes bytes to the server as they are, and gives all that comes back until it hangs up. */
export function rawly(url: string, text: string | Uint8Array, isEnd = false): Promise<string> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    let got = ''
    socket.on('data', (data) => {
      got += data.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(got))
    if (isEnd) socket.end(text)
    else socket.write(text)
  })
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, ms = 5000): Promise<void> {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it does not hold after ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
