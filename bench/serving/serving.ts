import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { sizeOf } from '../../src/base/shape.ts'
import { amongBystanders, calm } from '../bystanders.ts'
import { type Call, type Load, load } from './load.ts'

type Kind = 'lenet' | 'squeezenet1_1'
type Form = 'JSON' | 'binary' | 'JPEG'

/** A server, what it is asked for, and by how many at once. */
interface Scene {
  readonly by: 'brickwork' | 'onnxruntime-node'
  readonly kind: Kind
  readonly form: Form
  readonly clients: number
  readonly maxBatch: number
}

/** A row of the table. */
export interface Served extends Scene {
  readonly perSecond: number
  /** Milliseconds: the median, and what 99 of 100 stay below. */
  readonly p50: number
  readonly p99: number
  /** Examples in a batch, on average. */
  readonly batch: number
  readonly failed: number
  /** The share of the machine that others used. */
  readonly bystanders: number
}

const requests = [
  ['lenet', 'JSON'],
  ['lenet', 'binary'],
  ['squeezenet1_1', 'binary'],
  ['squeezenet1_1', 'JPEG'],
] as const

/** One client alone; many, each computed by itself; many that are computed together. */
const ours = [
  { by: 'brickwork', clients: 1, maxBatch: 1 },
  { by: 'brickwork', clients: 32, maxBatch: 1 },
  { by: 'brickwork', clients: 32, maxBatch: 32 },
] as const
/** It takes tensors alone, and computes each request by itself. */
const theirs = [
  { by: 'onnxruntime-node', clients: 1, maxBatch: 1 },
  { by: 'onnxruntime-node', clients: 32, maxBatch: 1 },
] as const

export const scenes: readonly Scene[] = requests.flatMap(([kind, form]) =>
  [...ours, ...(form === 'JPEG' ? [] : theirs)].map((load) => ({ kind, form, ...load })),
)

export const servingName = 'serve LeNet and SqueezeNet 1.1 over HTTP'

const shapes = { lenet: [1, 1, 28, 28], squeezenet1_1: [1, 3, 224, 224] } as const

/** A photo-like picture of 640 × 480: slopes, edges and some noise. */
async function photo(): Promise<Uint8Array> {
  const [width, height] = [640, 480]
  const data = new Uint8Array(width * height * 3)
  let seed = 1
  for (let i = 0; i < data.length; i++) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)]
    const disc = Math.hypot(x - 300, y - 200) < 120 ? 90 : 0
    data[i] = ((x / 4 + y / 6 + disc + (i % 3) * 30) % 240) + (seed >> 20) / 150
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 85 })
    .toBuffer()
}

async function callFor({ kind, form }: Scene, url: string): Promise<Call> {
  if (form === 'JPEG') {
    return {
      url: `${url}/classify`,
      headers: { 'content-type': 'image/jpeg' },
      body: await photo(),
    }
  }
  const shape = shapes[kind]
  const size = sizeOf(shape)
  const values = Float32Array.from({ length: size }, (_, i) => ((i * 37) % 255) / 255)
  const address = `${url}/v2/models/${kind}/infer`
  const input = { name: 'input', shape, datatype: 'FP32' }
  if (form === 'JSON') {
    const data = Array.from(values, (value) => Number(value.toFixed(4)))
    const body = Buffer.from(JSON.stringify({ inputs: [{ ...input, data }] }))
    return { url: address, headers: { 'content-type': 'application/json' }, body }
  }
  const parameters = { binary_data_size: values.byteLength }
  const head = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: [{ ...input, parameters }],
    }),
  )
  const headers = {
    'content-type': 'application/octet-stream',
    'inference-header-content-length': `${head.length}`,
  }
  return { url: address, headers, body: Buffer.concat([head, new Uint8Array(values.buffer)]) }
}

/** A server in a process of its own, and its address; none where a peer is missing. */
async function start(
  scene: Scene,
  threads: number,
): Promise<{ child: ChildProcess; url: string } | undefined> {
  const program = scene.by === 'brickwork' ? 'server.js' : 'peer.js'
  const file = fileURLToPath(new URL(program, import.meta.url))
  const args = [file, scene.kind, `${scene.maxBatch}`, `${threads}`]
  // Its log is written, as it would be; nobody reads it.
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'ignore'] })
  for await (const url of createInterface({ input: child.stdout! })) return { child, url }
  if (scene.by !== 'brickwork') return undefined
  throw new Error(`the server of ${scene.kind} did not start`)
}

/** How many batches a server of ours has computed, and examples in them. */
async function batchesOf({ by }: Scene, url: string): Promise<{ count: number; sum: number }> {
  if (by !== 'brickwork') return { count: 1, sum: 1 }
  const text = await (await fetch(`${url}/metrics`)).text()
  const read = (name: string) =>
    Number(new RegExp(`^brickwork_batch_size_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
  return { count: read('count'), sum: read('sum') }
}

/** Loads a server of each kind in turn, which computes with so many threads. */
export async function* measureServing(threads: number, isQuick: boolean): AsyncGenerator<Served> {
  for (const scene of scenes) {
    const found = await measureScene(scene, threads, isQuick)
    if (found) yield found
    else console.log(`${scene.kind}, ${scene.form}: no ${scene.by} here: npm ci brings it`)
  }
}

/** Loads one server, or undefined where a peer is missing. */
export async function measureScene(
  scene: Scene,
  threads: number,
  isQuick: boolean,
): Promise<Served | undefined> {
  const [warm, long] = isQuick ? [500, 1000] : [2000, 8000]
  await calm()
  const server = await start(scene, threads)
  if (!server) return undefined
  const { child, url } = server
  try {
    const call = await callFor(scene, url)
    const first = await load(call, scene.clients, warm)
    const before = await batchesOf(scene, url)
    const { result: loaded, share: bystanders } = await amongBystanders(child.pid!, () =>
      load(call, scene.clients, long),
    )
    const after = await batchesOf(scene, url)
    const batch = (after.sum - before.sum) / (after.count - before.count) || 1
    const failed = first.failed + loaded.failed
    return { ...scene, ...ratesOf(loaded), batch, failed, bystanders }
  } finally {
    child.stdin?.end()
  }
}

function ratesOf({ times, milliseconds }: Load): Pick<Served, 'perSecond' | 'p50' | 'p99'> {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN
  return { perSecond: (times.length / milliseconds) * 1000, p50: at(0.5), p99: at(0.99) }
}
