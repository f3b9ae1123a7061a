import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors } from '../src/files/tensor-file.ts'
import { readInitializers } from '../src/onnx/onnx.ts'
import { built, cliCase, lines } from './cli-case.ts'

// Many programs are compiled here, each for a few runs: WebAssembly's are there at once.
const cli = cliCase('networks', { BRICKWORK_BACKEND: 'wasm' })
const { inFolder, run, start } = cli
afterAll(() => cli.remove())

const colors = { red: '#e02020', green: '#20c030', blue: '#2030d0' } as const

/** A folder of plain images, a folder for each colour. */
async function images(folder: string, each: number): Promise<void> {
  for (const [name, background] of Object.entries(colors)) {
    mkdirSync(inFolder(join(folder, name)), { recursive: true })
    for (let i = 0; i < each; i++) {
      const create = { width: 16 + i, height: 20, channels: 3, background } as const
      const image = sharp({ create }).modulate({ brightness: 0.7 + (0.5 * i) / each })
      await image.png().toFile(inFolder(join(folder, name, `${i}.png`)))
    }
  }
}

beforeAll(async () => {
  await built()
  await images('colors/train', 8)
  await images('colors/val', 3)
  const options = ['--size', '16', '--epochs', '6', '--lr', '0.01', '--batch', '8']
  const trained = await run('train', 'lenet', '--data', 'colors', ...options, '--out', 'run')
  expect([trained.error, trained.code]).toEqual(['', 0])
  expect(trained.out).toMatch(/loading +time/)
  expect(trained.out).toContain('100.0 % of 9 validation examples right')
}, 120_000)

describe('a network of a run, at work', () => {
  test('classifies images, as text, JSON and picture', async () => {
    const image = 'colors/val/blue/0.png'
    const args = ['classify', image, 'colors/val/red/1.png', '--model', 'run', '--top', '2']
    const { code, out, error } = await run(...args, '--out', 'seen.png')
    expect([error, code]).toEqual(['', 0])
    expect(out).toMatch(/blue\/0.png {2}blue\n {2}blue +━+/)
    expect(out).toContain('picture  seen.png')
    expect(readFileSync(inFolder('seen.png')).subarray(1, 4).toString()).toBe('PNG')
    const [first, second] = lines((await run(...args, '--json')).out)
    expect(first).toMatchObject({ event: 'classification', image, guesses: [{ name: 'blue' }, {}] })
    expect(second).toMatchObject({ guesses: [{ name: 'red' }, {}] })
  })

  test('is measured on another folder', async () => {
    const { code, out } = await run('eval', 'run', '--data', 'colors')
    expect(code).toBe(0)
    expect(out).toContain('on colors/val')
    expect(out).toMatch(/accuracy +100.00 % {2}\(9 of 9\)/)
    const wrong = await run('eval', 'run', '--data', '.')
    expect([wrong.code, wrong.error]).toEqual([1, expect.stringMatching(/colors|cache/)])
  })

  test('finds similar images', async () => {
    const args = ['similar', 'colors/val/green/0.png', '--in', 'colors/train', '--model', 'run']
    const { code, out } = await run(
      ...args,
      '--top',
      '3',
      '--metric',
      'euclidean',
      '--out',
      'found',
    )
    expect(code).toBe(0)
    expect(out).toContain('computing the features of 24 images')
    expect(out.match(/train\/green\//g)).toHaveLength(3)
    expect(readFileSync(inFolder('found/similar.html'), 'utf8')).toContain('euclidean distance')
    expect(existsSync(inFolder('found/similar.png'))).toBe(true)
    expect((await run(...args, '--out', 'found')).out).not.toContain('computing')
  })

  test('learns other classes: the new layer, then all; or the new layer alone', async () => {
    const args = ['finetune', '--model', 'run', '--data', 'digits', '--head-epochs', '2']
    const tuned = await run(...args, '--epochs', '1', '--augment', '--out', 'tuned')
    expect([tuned.error, tuned.code]).toEqual(['', 0])
    for (const text of [
      'new layer fc2',
      '1293 × 500 features of train',
      'all layers',
      'test examples',
    ]) {
      expect(tuned.out).toContain(text)
    }
    expect((await run('eval', 'tuned')).out).toContain('lenet after 1 epochs, on digits/test')
    const frozen = await run(...args, '--freeze', 'features', '--json', '--out', 'frozen')
    expect([frozen.error, frozen.code]).toEqual(['', 0])
    const [base, kept] = await Promise.all(
      ['run', 'frozen'].map((name) => readSafetensors(inFolder(`${name}/best.safetensors`))),
    )
    expect(kept!.tensors.get('conv1.weight')).toEqual(base!.tensors.get('conv1.weight'))
    expect(kept!.tensors.get('fc2.weight')?.shape).toEqual([10, 500])
    const seen = await run('predict', 'frozen', 'colors/val/red/0.png', '--json')
    expect(Object.keys(lines(seen.out)[0]!['probabilities'] as object)).toHaveLength(10)
  })
})

describe('elsewhere', () => {
  test('as weights, which are a network again', async () => {
    const { code, out } = await run(
      'export',
      'run',
      '--format',
      'safetensors',
      '--out',
      'w.safetensors',
    )
    expect([code, out]).toEqual([0, expect.stringContaining('w.safetensors')])
    const { tensors, metadata } = await readSafetensors(inFolder('w.safetensors'))
    expect(tensors.get('conv1.weight')?.shape).toEqual([20, 3, 5, 5])
    expect(JSON.parse(metadata['classNames']!)).toEqual(['blue', 'green', 'red'])
    const seen = await run('classify', 'colors/val/red/0.png', '--model', 'w.safetensors', '--json')
    expect(lines(seen.out)[0]).toMatchObject({ guesses: [{ name: 'red' }, {}, {}] })
  })

  test('as ONNX, which is a network again', async () => {
    const { code, error } = await run('export', 'run', '--format', 'onnx', '--out', 'w.onnx')
    expect([error, code]).toEqual(['', 0])
    const weights = await readInitializers(inFolder('w.onnx'))
    expect(weights.get('conv1.weight')?.shape).toEqual([20, 3, 5, 5])
    const seen = await run('classify', 'colors/val/red/0.png', '--model', 'w.onnx', '--json')
    expect(lines(seen.out)[0]).toMatchObject({ guesses: [{ name: 'red' }, {}, {}] })
  })

  test('standing alone, under its own name', async () => {
    const { code, out } = await run('export', 'run', '--format', 'standalone')
    expect([code, out]).toEqual([0, expect.stringContaining('exports/run-standalone')])
    const files = ['model.js', 'model.wasm', 'weights.bin', 'index.html']
    for (const file of files) {
      expect(existsSync(inFolder(`exports/run-standalone/${file}`))).toBe(true)
    }
  })
})

test('Ctrl-C while the new layer learns ends with 130, and leaves no features behind', async () => {
  const args = ['finetune', '--model', 'run', '--data', 'colors', '--head-epochs', '5000']
  const { child, outcome } = start([...args, '--out', 'stopped'])
  child.stdout!.on('data', (text: string) => {
    if (text.includes('2/5000')) child.kill('SIGINT')
  })
  expect((await outcome).code).toBe(130)
  expect(existsSync(inFolder('stopped/features-train.f32'))).toBe(false)
})

test('wrong calls say what they want', async () => {
  for (const [args, text] of [
    [['classify', 'x.png'], "required option '--model <name>'"],
    [['export', 'run', '--format', 'pdf'], 'onnx, safetensors, standalone'],
    [['finetune', '--model', 'run', '--data', 'nowhere'], 'Expected digits'],
  ] as const) {
    const { code, error } = await run(...args)
    expect([code, error]).toEqual([2, expect.stringContaining(text)])
  }
  const missing = await run('classify', 'none.png', '--model', 'run')
  expect([missing.code, missing.error]).toEqual([1, expect.stringContaining('no such file')])
})
