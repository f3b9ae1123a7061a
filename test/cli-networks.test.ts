import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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
    expect(out).toContain('colors/val')
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
      '1,293 × 500 features of train',
      'all layers',
      'test examples',
    ]) {
      expect(tuned.out).toContain(text)
    }
    expect(Math.max(...tuned.out.split('\n').map((line) => [...line].length))).toBeLessThan(100)
    expect(tuned.out).toContain('1,293 examples, 144 to check, 360 to test\n')
    expect((await run('eval', 'tuned')).out).toContain('lenet after 1 epoch, on digits/test')
    const again = await run(...args, '--out', 'tuned')
    expect([again.code, again.out]).toEqual([1, ''])
    expect(again.error).toContain('would be overwritten')
    expect((await run('train', '--resume', 'tuned')).error).toContain('one of finetune')
    const frozen = await run(...args, '--freeze', 'features', '--json', '--out', 'frozen')
    expect([frozen.error, frozen.code]).toEqual(['', 0])
    const [base, kept] = await Promise.all(
      ['run', 'frozen'].map((name) => readSafetensors(inFolder(`${name}/best.safetensors`))),
    )
    const events = ['features', 'features', 'start', 'epoch', 'epoch', 'end']
    expect(lines(frozen.out).map(({ event }) => event)).toEqual(events)
    expect(existsSync(inFolder('frozen/curves.png'))).toBe(true)
    expect(kept!.tensors.get('conv1.weight')).toEqual(base!.tensors.get('conv1.weight'))
    expect(kept!.tensors.get('fc2.weight')?.shape).toEqual([10, 500])
    const seen = await run('predict', 'frozen', 'colors/val/red/0.png', '--json')
    expect(Object.keys(lines(seen.out)[0]!['probabilities'] as object)).toHaveLength(10)
  })
})

test('images that can not be decoded end a command, or are left out and told of', async () => {
  await images('spoilt', 4)
  writeFileSync(inFolder('spoilt/red/bad.png'), 'no image')
  const refused = await run('eval', 'run', '--data', 'spoilt')
  expect([refused.code, refused.error]).toEqual([1, expect.stringContaining('spoilt/red/bad.png')])
  const { code, out, error } = await run('eval', 'run', '--data', 'spoilt', '--skip-corrupt')
  expect(code).toBe(0)
  expect(out).toContain('(12 of 12)')
  expect(error).toMatch(/^1 images can't be decoded and are left out:\n.*red\/bad.png: /)
  const options = [
    '--size',
    '16',
    '--epochs',
    '1',
    '--augment',
    '--skip-corrupt',
    '--out',
    'spoilt-run',
  ]
  const trained = await run('train', 'lenet', '--data', 'spoilt', ...options)
  expect([trained.code, trained.error]).toEqual([0, expect.stringContaining('bad.png')])
})

describe('elsewhere', () => {
  test('as weights, which are a network again', async () => {
    const { code, out } = await run('export', 'run', '--format', 'safetensors')
    const path = join('exports', 'run.safetensors')
    expect([code, out]).toEqual([0, expect.stringContaining(path)])
    const { tensors, metadata } = await readSafetensors(inFolder(path))
    expect(tensors.get('conv1.weight')?.shape).toEqual([20, 3, 5, 5])
    expect(JSON.parse(metadata['classNames']!)).toEqual(['blue', 'green', 'red'])
    const seen = await run('classify', 'colors/val/red/0.png', '--model', path, '--json')
    expect(lines(seen.out)[0]).toMatchObject({ guesses: [{ name: 'red' }, {}, {}] })
  })

  test('as ONNX, which is a network again', async () => {
    const { code, error } = await run('export', 'run', '--format', 'onnx', '--out', 'w.onnx')
    expect([error, code]).toEqual(['', 0])
    const weights = await readInitializers(inFolder('w.onnx'))
    expect(weights.get('conv1.weight')?.shape).toEqual([20, 3, 5, 5])
    const seen = await run('classify', 'colors/val/red/0.png', '--model', 'w.onnx', '--json')
    const network = { model: 'lenet', guesses: [{ name: 'red' }, {}, {}] }
    expect(lines(seen.out)[0]).toMatchObject(network)
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

describe('Ctrl-C while a network is fine-tuned ends with 130', () => {
  const args = ['finetune', '--model', 'run', '--data', 'colors', '--head-epochs', '5000']
  const stopAt = (text: string, out: string) => {
    const { child, outcome } = start([...args, '--out', out])
    child.stdout!.on('data', (said: string) => {
      if (said.includes(text)) child.kill('SIGINT')
    })
    return outcome
  }

  test('and keeps the new layer as far as it is', async () => {
    const { code, out } = await stopAt('2/5000', 'stopped')
    expect([code, out]).toEqual([130, expect.stringContaining('eval stopped')])
    expect((await run('eval', 'stopped')).out).toContain('colors/val')
    expect(existsSync(inFolder('stopped/features-train.f32'))).toBe(false)
  })

  test('and leaves nothing where there is nothing yet', async () => {
    const { code, out } = await stopAt('on frozen features', 'left')
    expect([code, out]).toEqual([130, expect.stringContaining('nothing is kept')])
    expect(existsSync(inFolder('left'))).toBe(false)
  })
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
  for (const [args, text] of [
    [['classify', 'none.png', '--model', 'run'], 'no such file'],
    [['eval', 'run', '--data', 'digits'], 'from 0 to 2'],
    [
      ['finetune', '--model', 'run', '--data', 'colors', '--freeze', 'features', '--epochs', '9'],
      '--head-epochs',
    ],
  ] as const) {
    const { code, error } = await run(...args)
    expect([code, error]).toEqual([1, expect.stringContaining(text)])
  }
})
