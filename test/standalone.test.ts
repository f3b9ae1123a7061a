import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sizeOf } from '../src/base/shape.ts'
import { createBackend, manualSeed, models, nn, Tensor, useBackend } from '../src/index.ts'
import { saveStandalone } from '../src/standalone/save.ts'
import type { Backend } from '../src/tensor/backend.ts'
import { chromiumPath, startChromium } from './chromium.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-standalone-'))
let backend: Backend
beforeAll(async () => {
  backend = await createBackend('wasm')
  await useBackend(backend)
})
afterAll(async () => {
  await backend.close()
  rmSync(folder, { recursive: true, force: true })
})

const waves = (size: number) => Float32Array.from({ length: size }, (_, i) => Math.sin(i / 3))

/** Runs the folder in a Node process that knows nothing of this library. */
function runAlone(path: string, ...inputs: readonly ArrayLike<number>[]): number[][] {
  const script = `
    import { load } from ${JSON.stringify(join(path, 'model.js'))}
    const model = await load()
    const inputs = ${JSON.stringify(inputs.map((input) => Array.from(input)))}
    model.run(...inputs)
    console.log(JSON.stringify(model.run(...inputs).map((output) => [...output])))`
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: tmpdir(),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return JSON.parse(out) as number[][]
}

const near = (got: readonly number[], want: ArrayLike<number>, tolerance = 1e-4) => {
  expect(got).toHaveLength(want.length)
  const scale = Math.max(1e-6, ...Array.from(want, Math.abs))
  for (const [i, value] of got.entries())
    expect(Math.abs(value - want[i]!) / scale).toBeLessThan(tolerance)
}

describe('a network without this library', () => {
  test.each(['lenet', 'resnet18', 'mobilenet_v2', 'unet'])('%s in Node', async (name) => {
    manualSeed(3)
    const size = name === 'lenet' ? 28 : 32
    const shape = [2, name === 'lenet' ? 1 : 3, size, size] as const
    const model = models.createModel(name, { inputShape: shape.slice(1), classes: 5 }).eval()
    const path = join(folder, name)
    const report = await saveStandalone((x) => model.forward(x!), path, [{ dtype: 'f32', shape }], {
      name,
    })
    expect(Object.keys(report.files)).toEqual(['model.wasm', 'weights.bin', 'model.js'])
    expect(report.memory).toBeGreaterThan(statSync(join(path, 'weights.bin')).size)
    const input = waves(sizeOf(shape))
    const want = await model.forward(Tensor.of(input, shape, 'f32')).data()
    near(runAlone(path, input)[0]!, want)
  })

  test('loops over time, several inputs and outputs, whole numbers', async () => {
    manualSeed(4)
    const lstm = new nn.LSTM(3, 4)
    const table = new nn.Embedding(7, 3)
    const body = (tokens: Tensor, scale: Tensor) => {
      const { output, c } = lstm.forward(table.forward(tokens).mul(scale))
      return [output, c, tokens.add(1)]
    }
    const ports = [
      { dtype: 'i32', shape: [6, 2] },
      { dtype: 'f32', shape: [3] },
    ] as const
    const path = join(folder, 'lstm')
    await saveStandalone((a, b) => body(a!, b!), path, ports, { name: 'lstm' })
    const tokens = Int32Array.from({ length: 12 }, (_, i) => i % 7)
    const scale = Float32Array.of(1, 2, 3)
    const want = body(Tensor.of(tokens, [6, 2], 'i32'), Tensor.of(scale, [3], 'f32'))
    const got = runAlone(path, tokens, scale)
    for (const [i, tensor] of want.entries()) near(got[i]!, await tensor.data())
  })

  test('the module is small, and says what is wrong', async () => {
    const path = join(folder, 'lenet')
    const text = readFileSync(join(path, 'model.js'), 'utf8')
    const code = text.slice(0, text.indexOf('const facts = '))
    expect(code.trim().split('\n').length).toBeLessThanOrEqual(100)
    expect(text).not.toMatch(/^import .* from/m)
    expect(() => runAlone(path, waves(7))).toThrow(/expected 1568 numbers \[2,1,28,28\], got 7/)
    expect(() => runAlone(path)).toThrow(/expected 1 arrays, got 0/)
    truncateSync(join(path, 'weights.bin'), 100)
    expect(() => runAlone(path, waves(1568))).toThrow(/weights.bin: expected \d+ bytes, got 100/)
  })

  test('classifies pixels, one image in however large a batch', async () => {
    manualSeed(5)
    const model = new nn.Sequential(
      new nn.Flatten(),
      new nn.Linear(3 * 4 * 6, 3),
      new nn.Softmax(-1),
    )
    const port = { dtype: 'f32', shape: [2, 3, 4, 6] } as const
    const normalize = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] }
    const preprocessing = { size: [4, 6], channels: 'bgr', resize: null, normalize, ink: false }
    const facts = { name: 'net', classNames: ['a', 'b', 'c'], preprocessing }
    const path = join(folder, 'net')
    const { files } = await saveStandalone((x) => model.forward(x!), path, [port], facts)
    expect(Object.keys(files)).toContain('index.html')
    const rgba = Uint8Array.from({ length: 4 * 24 }, (_, i) => (37 * i) % 256)
    const planes = Float32Array.from({ length: 3 * 24 }, (_, i) => {
      const c = Math.floor(i / 24)
      return (rgba[4 * (i % 24) + 2 - c]! / 255 - normalize.mean[c]!) / normalize.std[c]!
    })
    const want = await model.forward(Tensor.of(planes, [1, 3, 4, 6], 'f32')).data()
    const program = `const { load } = await import(process.argv[1])
      const model = await load()
      console.log(JSON.stringify(model.classify(Uint8Array.from(JSON.parse(process.argv[2])))))`
    const url = pathToFileURL(join(path, 'model.js')).href
    const args = ['--input-type=module', '-e', program, url, JSON.stringify([...rgba])]
    const guesses = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as {
      name: string
      label: number
      probability: number
    }[]
    expect(guesses.map(({ name }) => name).sort()).toEqual(['a', 'b', 'c'])
    for (const { label, probability } of guesses) expect(probability).toBeCloseTo(want[label]!, 5)
  })

  test('a network that learns is refused', async () => {
    const norm = new nn.BatchNorm1d(3)
    const port = { dtype: 'f32', shape: [4, 3] } as const
    const path = join(folder, 'norm')
    const saved = saveStandalone((x) => norm.forward(x!), path, [port], { name: 'norm' })
    await expect(saved).rejects.toThrow(/one that updates \d states.*model.eval\(\)/)
  })
})

const types: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.html': 'text/html' }

function serve(path: string): Promise<Server> {
  const server = createServer((request, response) => {
    const name = request.url === '/' ? 'index.html' : request.url!.slice(1)
    try {
      const body = readFileSync(join(path, name))
      response.writeHead(200, { 'Content-Type': types[extname(name)] ?? 'application/wasm' })
      response.end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)))
}

test.skipIf(!chromiumPath)(
  'its page classifies an image in Chromium',
  async () => {
    const mean = new nn.Sequential(new nn.AdaptiveAvgPool2d(1), new nn.Flatten())
    const path = join(folder, 'page')
    await saveStandalone(
      (x) => mean.forward(x!).mul(20).softmax(-1),
      path,
      [{ dtype: 'f32', shape: [1, 3, 8, 8] }],
      {
        name: 'the brightest colour',
        classNames: ['red', 'green', 'blue'],
        preprocessing: {
          size: [8, 8],
          channels: 'rgb',
          resize: 9,
          interpolation: 'bilinear',
          normalize: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
          ink: false,
        },
      },
    )
    const image = join(folder, 'green.png')
    writeFileSync(
      image,
      await sharp({ create: { width: 40, height: 30, channels: 3, background: '#10e020' } })
        .png()
        .toBuffer(),
    )
    const server = await serve(path)
    const context = await startChromium(join(folder, 'profile'))
    try {
      const page = await context.newPage()
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
      await page.locator('h1', { hasText: 'the brightest colour' }).waitFor()
      await page.setInputFiles('input', image)
      const best = page.locator('li').first()
      await best.waitFor()
      expect(await best.textContent()).toContain('green')
      expect(await page.locator('li').count()).toBe(3)
    } finally {
      await context.close()
      server.close()
    }
  },
  60_000,
)
