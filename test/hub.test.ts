import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { serializeSafetensors } from '../src/files/safetensors.ts'
import { createBackend, hub, models, type nn, tensor, useBackend } from '../src/index.ts'
import { type HubServer, REPOSITORY, startHub } from './hub-server.ts'

const root = mkdtempSync(join(tmpdir(), 'brickwork-hub-'))
const commit = 'c0ffee'.padEnd(40, '0')
let server: HubServer
let weights: Buffer
let folders = 0
/** A fresh cache. */
let cache: string

const config = {
  architecture: 'mlp:12-5-3',
  num_classes: 3,
  pretrained_cfg: {
    input_size: [3, 2, 2],
    mean: [0.5, 0.4, 0.3],
    std: [0.2, 0.2, 0.2],
    interpolation: 'bicubic',
    crop_pct: 0.95,
    num_classes: 1000,
    label_names: ['n1', 'n2', 'n3'],
    label_descriptions: { n1: 'ant', n3: 'cat' },
  },
}

const bytesOf = (tensors: Iterable<[string, ArrayView]>): Buffer =>
  Buffer.concat([...serializeSafetensors(tensors)])

async function arraysOf(model: nn.Module): Promise<[string, ArrayView][]> {
  const entries = Object.entries(model.stateDict())
  return Promise.all(
    entries.map(async ([name, state]): Promise<[string, ArrayView]> => {
      const { shape, dtype } = state
      return [name, { shape, dtype, data: await state.data() } as ArrayView]
    }),
  )
}

const usual = () => ({ cache, hubUrl: server.url, timeout: 2000, retries: 1 })
const load = (options: Parameters<typeof hub.fromPretrained>[1] = {}) =>
  hub.fromPretrained(REPOSITORY, { ...usual(), ...options })
const blobs = (): string[] => readdirSync(join(cache, 'tests--tiny/blobs')).sort()

beforeAll(async () => {
  useBackend(await createBackend('interpreter'))
  const model = models.createModel('mlp:12-5-3', { inputShape: [3, 2, 2], classes: 3 })
  // Large enough that it arrives in several pieces.
  const filler: ArrayView = {
    dtype: 'f32',
    shape: [50_000],
    data: new Float32Array(50_000).map((_, i) => i),
  }
  weights = bytesOf(await arraysOf(model))
  server = await startHub({
    'config.json': Buffer.from(JSON.stringify(config)),
    'model.safetensors': weights,
    'large.safetensors': bytesOf([['filler', filler]]),
    'README.md': Buffer.from(''),
  })
})
afterAll(async () => {
  await server.close()
  rmSync(root, { recursive: true })
})
beforeEach(() => {
  cache = join(root, String(folders++))
  server.trouble = {}
  server.requests.length = 0
})
afterEach(() => vi.unstubAllEnvs())

describe('fromPretrained', () => {
  test('builds the network, loads its weights, and says what is known of it', async () => {
    const found = await load()
    expect(found).toMatchObject({
      name: 'mlp:12-5-3',
      classes: 3,
      classNames: ['ant', 'n2', 'cat'],
      preprocessing: {
        inputShape: [3, 2, 2],
        mean: [0.5, 0.4, 0.3],
        std: [0.2, 0.2, 0.2],
        interpolation: 'bicubic',
        crop: 0.95,
      },
      commit,
      source: 'hub',
    })
    expect(found.model.training).toBe(false)
    expect(bytesOf(await arraysOf(found.model)).equals(weights)).toBe(true)
    expect(readFileSync(found.files['model.safetensors']!).equals(weights)).toBe(true)
    const x = tensor([
      [
        [
          [1, 2],
          [3, 4],
        ],
        [
          [1, 2],
          [3, 4],
        ],
        [
          [1, 2],
          [3, 4],
        ],
      ],
    ])
    expect((await found.model.forward(x).data()).length).toBe(3)
  })

  test('asks once for what a branch stands for, and not at all for a commit that is there', async () => {
    await load()
    server.requests.length = 0
    await load()
    expect(server.requests).toEqual([`GET /api/models/${REPOSITORY}/revision/main`])
    await load({ revision: commit })
    expect(server.requests).toHaveLength(1)
  })

  test.each(['BRICKWORK_OFFLINE', 'HF_HUB_OFFLINE'])('%s: no request is made', async (name) => {
    await load()
    server.requests.length = 0
    vi.stubEnv(name, '1')
    expect((await load()).source).toBe('cache')
    await expect(load({ cache: join(root, 'empty') })).rejects.toThrow(
      /tests--tiny: expected tests\/tiny at 'main', got nothing that was downloaded before\. Download it once/,
    )
    await expect(load({ revision: 'd'.repeat(40) })).rejects.toThrow(
      /expected config\.json, got none/,
    )
    expect(server.requests).toEqual([])
  })

  test('a hub that is not reached: what is there is used', async () => {
    await load()
    const gone = await startHub({})
    await gone.close()
    const unreached = { hubUrl: gone.url, retries: 0 }
    expect((await load(unreached)).source).toBe('cache')
    await expect(load({ ...unreached, cache: join(root, 'none') })).rejects.toMatchObject({
      kind: 'network',
      message: expect.stringMatching(
        /127\.0\.0\.1:\d+\/tests\/tiny: expected the repository, got .*ECONNREFUSED/,
      ),
    })
  })

  test('a folder, and a file, stand for themselves', async () => {
    const { files } = await load()
    server.requests.length = 0
    const folder = mkdtempSync(join(root, 'local-'))
    writeFileSync(join(folder, 'config.json'), readFileSync(files['config.json']!))
    writeFileSync(join(folder, 'own.safetensors'), weights)
    await expect(hub.fromPretrained(folder)).rejects.toThrow(/one of model\.safetensors, model/)
    const found = await hub.fromPretrained(folder, { file: 'own.safetensors' })
    expect(found).toMatchObject({ source: 'folder', commit: undefined, classes: 3 })
    expect((await hub.fromPretrained(join(folder, 'own.safetensors'))).classes).toBe(3)
    await expect(hub.fromPretrained('./not-there')).rejects.toThrow(/not-there: .*no such file/)
    expect(server.requests).toEqual([])
  })

  test.each([
    [
      { architecture: 'mlp:12-900000000-3', num_classes: 3, input_size: [3, 2, 2] },
      /config\.json: weights: expected a network of about the size/,
    ],
    [{ architecture: 'squeezenet1_1', num_classes: 2 ** 40 }, /\[1099511627776, 512, 1, 1\]/],
    [
      { architecture: 'resnet18', input_size: [1e9, 32, 32], mean: [0] },
      /input_size of .* below 65536/,
    ],
    [
      { architecture: 'resnet18', num_classes: 1e9, id2label: { 0: 'a' } },
      /config\.json: weights: /,
    ],
    [{ architecture: 'lenet', input_size: [3, 65000, 65000] }, /config\.json: weights: /],
  ])('a config.json that asks for more than there is: %j', async (other, message) => {
    const folder = mkdtempSync(join(root, 'large-'))
    writeFileSync(join(folder, 'config.json'), JSON.stringify(other))
    writeFileSync(join(folder, 'model.safetensors'), weights)
    const before = process.memoryUsage().arrayBuffers
    await expect(hub.fromPretrained(folder)).rejects.toThrow(message)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(128e6)
  })

  test("weights in several files, and PyTorch's as a last resort", async () => {
    const tensors = await arraysOf(
      models.createModel('mlp:12-5-3', { inputShape: [3, 2, 2], classes: 3 }),
    )
    const [first, ...rest] = tensors
    server.files.delete('model.safetensors')
    server.files.set('model-1.safetensors', bytesOf([first!]))
    server.files.set('model-2.safetensors', bytesOf(rest))
    const map = Object.fromEntries(
      tensors.map(([name]) => [
        name,
        name === first![0] ? 'model-1.safetensors' : 'model-2.safetensors',
      ]),
    )
    server.files.set(
      'model.safetensors.index.json',
      Buffer.from(JSON.stringify({ weight_map: map })),
    )
    const found = await load()
    expect(Object.keys(found.files)).toContain('model-2.safetensors')
    server.files.delete('model-2.safetensors')
    await expect(load({ cache: join(root, 'lost') })).rejects.toThrow(
      /expected model-2\.safetensors, got none/,
    )
    server.files.delete('model.safetensors.index.json')
    server.files.set('pytorch_model.bin', readFileSync('test/torch-checkpoints/plain.pt'))
    const other = load({ cache: join(root, 'torch') })
    await expect(other).rejects.toThrow(/MLP\.loadStateDict: .*missing \(4\)/s)
    server.files.delete('pytorch_model.bin')
    server.files.set('model.safetensors', weights)
  })
})

describe('a download', () => {
  const large = () => hub.download(REPOSITORY, ['large.safetensors'], usual())
  const sum = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
  const wanted = () =>
    createHash('sha256').update(server.files.get('large.safetensors')!).digest('hex')

  test('tells how far it is, and takes empty files', async () => {
    const heard: number[] = []
    const files = await hub.download(REPOSITORY, ['large.safetensors', 'README.md'], {
      ...usual(),
      onProgress: ({ received, total }) => heard.push(received / total),
    })
    expect(sum(files['large.safetensors']!)).toBe(wanted())
    expect(heard.at(-1)).toBe(1)
    expect(heard).toEqual([...heard].sort((a, b) => a - b))
    expect(readFileSync(files['README.md']!).length).toBe(0)
  })

  test('goes on where the connection broke, without asking for a byte twice', async () => {
    server.trouble = { cutAfter: 60_000 }
    const { 'large.safetensors': path } = await large()
    expect(sum(path!)).toBe(wanted())
    const ranges = server.requests.filter((r) => r.startsWith('cdn') && !r.endsWith('bytes=0-0'))
    expect(ranges).toEqual([
      'cdn all',
      'cdn bytes=60000-200079',
      'cdn bytes=120000-200079',
      'cdn bytes=180000-200079',
    ])
    expect(blobs()).toEqual([wanted()])
  })

  test('what an interrupted one left is kept for the next', async () => {
    server.trouble = { cutAfter: 0 }
    await expect(large()).rejects.toMatchObject({ kind: 'network' })
    server.trouble = { cutAfter: 60_000, cuts: 9 }
    const first = hub.download(REPOSITORY, ['large.safetensors'], {
      ...usual(),
      retries: 0,
      onProgress: ({ received }) => {
        if (received >= 120_000) server.trouble = { status: 503 }
      },
    })
    await expect(first).rejects.toThrow(
      /large\.safetensors: expected 200080 bytes, got 1\d{5}, then .*Try again: what came is kept/,
    )
    expect(blobs()).toEqual([`${wanted()}.part`])
    server.trouble = {}
    server.requests.length = 0
    expect(sum((await large())['large.safetensors']!)).toBe(wanted())
    expect(server.requests.at(-1)).toMatch(/^cdn bytes=1\d{5}-200079$/)
  })

  test('what a killed process left is gone on with, what a living one writes is not', async () => {
    const folder = join(cache, 'tests--tiny/blobs')
    mkdirSync(folder, { recursive: true })
    const bytes = server.files.get('large.safetensors')!
    const partOf = (pid: number) => join(folder, `${wanted()}.${hostname()}-${pid}-abcdef.part`)
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    writeFileSync(partOf(pid), bytes.subarray(0, 60_000))
    writeFileSync(partOf(process.pid), bytes.subarray(0, 90_000))
    expect(sum((await large())['large.safetensors']!)).toBe(wanted())
    expect(server.requests.at(-1)).toBe('cdn bytes=60000-200079')
    expect(readFileSync(partOf(process.pid)).length).toBe(90_000)
  })

  test('a part that is wrong is begun again', async () => {
    server.trouble = { status: 500 }
    await expect(large()).rejects.toMatchObject({ kind: 'network' })
    server.trouble = {}
    await hub.download(REPOSITORY, ['config.json'], usual())
    writeFileSync(join(cache, 'tests--tiny/blobs', `${wanted()}.part`), Buffer.alloc(1000, 7))
    expect(sum((await large())['large.safetensors']!)).toBe(wanted())
  })

  test('a server that sends no parts: from the beginning', async () => {
    server.trouble = { cutAfter: 60_000, cuts: 1, noRanges: true }
    expect(sum((await large())['large.safetensors']!)).toBe(wanted())
    const ranges = server.requests.filter((r) => r.startsWith('cdn') && !r.endsWith('bytes=0-0'))
    expect(ranges).toEqual(['cdn all', 'cdn bytes=60000-200079', 'cdn all'])
  })

  test('other bytes than the hub names are deleted, and the error says so', async () => {
    server.trouble = { wrong: true }
    await expect(large()).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringMatching(
        /large\.safetensors: expected the content that the hub names \(SHA-256 .*which were deleted/,
      ),
    })
    expect(blobs()).toEqual([])
    await expect(hub.download(REPOSITORY, ['config.json'], usual())).rejects.toThrow(/git blob/)
    server.trouble = {}
    expect(sum((await large())['large.safetensors']!)).toBe(wanted())
  })

  test('a connection on which nothing comes is given up', async () => {
    server.trouble = { hangs: true }
    const late = hub.download(REPOSITORY, ['large.safetensors'], {
      ...usual(),
      timeout: 150,
      retries: 0,
    })
    await expect(late).rejects.toThrow(/no bytes for 150 ms/)
  })

  test('a slow one is not', async () => {
    server.trouble = { slow: 20 }
    const slow = await hub.download(REPOSITORY, ['large.safetensors'], { ...usual(), timeout: 150 })
    expect(sum(slow['large.safetensors']!)).toBe(wanted())
  })

  test('a server that has trouble for a while is asked again', async () => {
    server.trouble = { status: 503, times: 1 }
    expect(sum((await large())['large.safetensors']!)).toBe(wanted())
  })

  test('several at once, also of other processes, get the same whole file', async () => {
    server.trouble = { slow: 5 }
    const script = `
      const { downloadFiles } = await import(process.argv[1])
      const files = await downloadFiles(process.argv[2], ['large.safetensors'], JSON.parse(process.argv[3]))
      console.log(files['large.safetensors'])`
    const tsc = join('node_modules', '.bin', 'tsc')
    const build = join(root, 'build')
    await promisify(execFile)(tsc, ['-p', 'tsconfig.build.json', '--outDir', build])
    // Packages are found beside the build.
    const { symlinkSync } = await import('node:fs')
    symlinkSync(join(process.cwd(), 'node_modules'), join(build, 'node_modules'))
    const module = join(build, 'hub/snapshot.js')
    const args = ['--input-type=module', '-e', script, module, REPOSITORY, JSON.stringify(usual())]
    const other = () => promisify(execFile)(process.execPath, args)
    const [one, two, three, four] = await Promise.all([large(), large(), other(), other()])
    const paths = [
      one['large.safetensors'],
      two['large.safetensors'],
      three.stdout.trim(),
      four.stdout.trim(),
    ]
    expect(new Set(paths).size).toBe(1)
    expect(sum(paths[0]!)).toBe(wanted())
    expect(blobs()).toEqual([wanted()])
  })
})

describe('what the hub refuses', () => {
  test.each([
    [
      401,
      'GatedRepo',
      'argument',
      /expected access to .*got 401 GatedRepo, without a token\. Accept its terms at .*tests\/tiny, make a token .*HF_TOKEN/,
    ],
    [403, 'GatedRepo', 'argument', /got 403 GatedRepo/],
    [
      401,
      'RepoNotFound',
      'unknown',
      /a repository that is there.*needs a token: pass \{ token \} or set HF_TOKEN/,
    ],
    [404, undefined, 'unknown', /the repository at 'main', got none \(404\)/],
    [404, 'RevisionNotFound', 'unknown', /RevisionNotFound/],
    [503, undefined, 'network', /expected the repository, got 503 .*try again/],
  ])('%i %s', async (status, code, kind, message) => {
    server.trouble = { status, ...(code ? { code } : {}) }
    const reading = load({ retries: 0 })
    await expect(reading).rejects.toMatchObject({ name: 'BrickError', kind })
    await expect(reading).rejects.toThrow(message)
    expect(server.requests).toHaveLength(1)
  })

  test('a token goes to the hub and not to its content network', async () => {
    // The content network answers 400 to a token.
    expect((await load({ token: 'hf_secret' })).classes).toBe(3)
    await expect(load({ token: 'secret' })).rejects.toThrow(/a token that begins with 'hf_'/)
    vi.stubEnv('HF_TOKEN', 'other')
    await expect(load()).rejects.toThrow(/a token that begins with 'hf_'/)
  })

  test.each(['a/b/c', '../x', 'a b', '', 'a/..', 'http://x/y'])('the name %j', async (name) => {
    await expect(hub.fromPretrained(name, usual())).rejects.toMatchObject({ name: 'BrickError' })
    expect(server.requests).toEqual([])
  })

  test('files that are not there, or would lie elsewhere', async () => {
    await expect(hub.download(REPOSITORY, ['x.bin'], usual())).rejects.toThrow(
      /expected x\.bin, got none/,
    )
    await expect(hub.download(REPOSITORY, ['../x'], usual())).rejects.toThrow(/names of files/)
  })
})
