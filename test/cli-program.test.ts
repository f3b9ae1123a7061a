import { spawn } from 'node:child_process'
import { cpSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readSafetensors } from '../src/files/tensor-file.ts'
import { built, cliCase, lines, type Outcome, outcomeOf } from './cli-case.ts'

const root = resolve(import.meta.dirname, '..')
const main = join(root, 'dist/cli/main.js')
const cli = cliCase('program')
const { inFolder, start, run } = cli
afterAll(() => cli.remove())

/** A short run of the command line, which the tests look at. */
let trained: Outcome
beforeAll(async () => {
  await built()
  trained = await run('train', 'lenet', '--data', 'digits', '--epochs', '2', '--out', 'run')
}, 120_000)

describe('train', () => {
  test('shows curves, confusion matrix, gallery, folder and what to try next', () => {
    const { code, out, error } = trained
    expect(error).toBe('')
    expect(code).toBe(0)
    for (const text of ['lenet on digits', '1/2', '2/2', 'loss   ⠒⠒⠒ train', 'accuracy %']) {
      expect(out).toContain(text)
    }
    expect(out).toMatch(/true │ +0 +1 +2/)
    expect(out).toMatch(/\d\d\.\d % of 360 validation examples right/)
    expect(out).toContain('run folder  run')
    expect(out).toContain('predict run run/try.png')
    expect(readFileSync(inFolder('run/gallery.png')).subarray(1, 4).toString()).toBe('PNG')
  })

  test('writes no control characters into a pipe', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    expect(trained.out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
    expect(Math.max(...trained.out.split('\n').map((line) => [...line].length))).toBeLessThan(100)
  })

  test('--json prints lines of JSON only', async () => {
    const { code, out, error } = await run(
      'train',
      'mlp',
      '--epochs',
      '1',
      '--json',
      '--out',
      'json',
    )
    expect([code, error]).toEqual([0, ''])
    const events = lines(out)
    expect(events.map(({ event }) => event)).toEqual(['start', 'epoch', 'end'])
    expect(events[2]).toMatchObject({ folder: 'json', stoppedBy: 'epochs' })
  })

  test('Ctrl-C stops with a checkpoint, and --resume goes on exactly', async () => {
    const args = ['train', 'lenet', '--epochs', '3']
    const { child, outcome } = start([...args, '--out', 'stopped'])
    child.stdout!.on('data', (text: string) => {
      if (text.includes('1/3')) child.kill('SIGINT')
    })
    const { code, out } = await outcome
    expect(code).toBe(130)
    expect(out).toContain('train --resume stopped')
    const resumed = await run('train', '--resume', 'stopped')
    expect([resumed.code, resumed.error]).toEqual([0, ''])
    await run(...args, '--out', 'whole', '--threads', '1')
    const [whole, halves] = await Promise.all(
      ['whole', 'stopped'].map((name) => readSafetensors(inFolder(`${name}/last.safetensors`))),
    )
    expect(halves!.tensors).toEqual(whole!.tensors)
  })

  test('NaN stops the training, and --debug-nan names the operation', async () => {
    const args = ['train', 'mlp', '--lr', '1e30', '--epochs', '2', '--optimizer', 'sgd']
    const plain = await run(...args, '--out', 'nan')
    expect(plain.code).toBe(1)
    expect(plain.error).toMatch(/expected a finite loss.*--debug-nan/)
    const { code, error } = await run(...args, '--out', 'nan2', '--debug-nan')
    expect(code).toBe(1)
    expect(error).toMatch(/by '\w+' \[.*epoch 1, step \d/)
  })
})

describe('eval and predict', () => {
  test('eval measures what the training reported', async () => {
    const { code, out } = await run('eval', 'run')
    expect(code).toBe(0)
    const [, reported] = /(\d+\.\d) % of 360/.exec(trained.out)!
    const [, measured] = /accuracy +(\d+\.\d)/.exec(out)!
    expect(measured).toBe(reported)
  })

  test('predict names the class of an image', async () => {
    const { code, out } = await run('predict', 'run', 'run/try.png', '--json')
    expect(code).toBe(0)
    const [prediction] = lines(out)
    expect(prediction).toMatchObject({ event: 'prediction', image: 'run/try.png' })
    const shares = Object.values(prediction!['probabilities'] as Record<string, number>)
    expect(shares).toHaveLength(10)
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(1, 5)
  })
})

describe('runs and plot', () => {
  const methods = [
    ...['--optimizer', 'lion', '--schedule', 'cosine', '--warmup', '1', '--weight-decay', '0.1'],
    ...['--clip-norm', '1', '--label-smoothing', '0.1', '--mixup', '0.2', '--ema', '0.9'],
    ...['--accumulate', '2', '--augment'],
  ]

  beforeAll(async () => {
    const args = ['train', 'mlp', '--epochs', '2', '--backend', 'wasm', ...methods]
    const { code, error } = await run(...args, '--out', 'list/methods')
    expect([code, error]).toEqual([0, ''])
    cpSync(inFolder('run'), inFolder('list/plain'), { recursive: true })
  }, 60_000)

  test('train keeps its methods in the config, and resume refuses others', async () => {
    const config = JSON.parse(readFileSync(inFolder('list/methods/config.json'), 'utf8'))
    expect(config).toMatchObject({ schedule: 'cosine', warmup: 1, ema: 0.9, augment: true })
    expect(config).toMatchObject({ mixup: 0.2, weightDecay: 0.1, clipNorm: 1 })
    const other = await run('train', '--resume', 'list/methods', '--ema', '0.5')
    expect(other.code).toBe(1)
    expect(other.error).toContain('expected ema 0.9, as the run was started with, got 0.5')
    const more = await run('train', '--resume', 'list/plain', '--mixup', '0.5')
    expect(more.error).toContain('expected no mixup, as the run was started, got 0.5')
  })

  test('runs lists them, with what they differ in', async () => {
    const { code, out, error } = await run('runs', 'list')
    expect([code, error]).toEqual([0, ''])
    expect(out).toMatch(/run +model +data +epochs +accuracy +loss/)
    expect(out).toMatch(/methods +mlp +digits +2\/2 +\d+\.\d\d % +\d\.\d+/)
    expect(out).toMatch(/plain +lenet +digits +2\/2/)
    expect(out).toMatch(/optimizer +(lion|adam) +(methods|plain)/)
    expect(out).not.toMatch(/inputShape|normalize|NaN|undefined/)
    expect(Math.max(...out.split('\n').map((line) => [...line].length))).toBeLessThanOrEqual(80)
    const json = lines((await run('runs', 'list', '--sort', 'accuracy', '--json')).out)
    expect(json.map(({ event }) => event)).toEqual(['run', 'run'])
    expect(Number(json[0]!['accuracy'])).toBeGreaterThan(Number(json[1]!['accuracy']))
  })

  test('a damaged run is named, and the others are listed', async () => {
    cpSync(inFolder('list/plain'), inFolder('half/one'), { recursive: true })
    cpSync(inFolder('list/plain'), inFolder('half/two'), { recursive: true })
    truncateSync(inFolder('half/two/last.safetensors'), 100)
    const { code, out, error } = await run('runs', 'half')
    expect(code).toBe(0)
    expect(out).toContain('one')
    expect(error).toMatch(/half\/two\/last\.safetensors: expected a header/)
    expect((await run('plot', 'half')).code).toBe(1)
  })

  test('plot draws curves here and as files', async () => {
    const one = await run('plot', 'list/methods')
    expect([one.code, one.error]).toEqual([0, ''])
    for (const text of ['loss   ⠒⠒⠒ train', 'accuracy %', 'list/methods/curves.svg']) {
      expect(one.out).toContain(text)
    }
    const both = await run('plot', 'list', '--out', 'both.png')
    expect(both.out).toMatch(/loss +⠒⠒⠒ methods +⠂⠐⠄ plain/)
    expect(readFileSync(inFolder('both.png')).subarray(1, 4).toString()).toBe('PNG')
    await run('plot', 'list/methods', 'list/plain')
    expect(readFileSync(inFolder('list/compare.svg'), 'utf8')).toContain('>2 runs</text>')
    // As `list/*` has it: the pictures are left aside.
    const again = await run('plot', 'list/compare.png', 'list/methods', 'list/plain', '--json')
    expect(lines(again.out)[0]).toMatchObject({ runs: ['list/methods', 'list/plain'] })
  })
})

test('a reader that goes away is no error', async () => {
  const { child, outcome } = start(['train', 'mlp', '--epochs', '3', '--out', 'pipe'])
  child.stdout!.once('data', () => child.stdout!.destroy())
  const { code, error } = await outcome
  expect([code, error]).toEqual([0, ''])
})

test('doctor says which backends work', async () => {
  const { code, out } = await run('doctor', '--json')
  expect(code).toBe(0)
  const events = lines(out)
  const backends = events.flatMap((e) => (e['event'] === 'backend' ? [e['backend']] : []))
  expect(backends).toEqual(['native', 'wasm', 'interpreter'])
  const without = await start(['doctor'], { CC: '/nowhere/cc' }).outcome
  expect(without.code).toBe(0)
  expect(without.out).toMatch(/✗ native[\s\S]*reason[\s\S]*nowhere[\s\S]*remedy/)
  expect(without.out).toContain('Brickwork uses wasm here')
})

test('tune measures the tiles and keeps what they cost', async () => {
  const environment = { BRICKWORK_CACHE: inFolder('tuned') }
  const tuned = await start(['tune', '--json'], environment).outcome
  expect([tuned.code, tuned.error]).toEqual([0, ''])
  const events = lines(tuned.out)
  expect(new Set(events.map(({ event }) => event))).toEqual(new Set(['tile', 'choice']))
  const doctor = await start(['doctor'], environment).outcome
  expect(doctor.out).toMatch(/tiles +as measured here/)
  const off = { ...environment, BRICKWORK_AUTOTUNE: 'off' }
  expect((await start(['doctor'], off).outcome).out).toMatch(/tiles +by the table/)
  const without = await start(['tune'], { ...environment, CC: '/nowhere/cc' }).outcome
  expect(without.code).toBe(1)
  expect(without.error).toContain('nowhere')
})

test('doctor follows BRICKWORK_BACKEND', async () => {
  const doctor = (name: string) => start(['doctor'], { BRICKWORK_BACKEND: name }).outcome
  const [wasm, nonsense] = await Promise.all([doctor('wasm'), doctor('nonsense')])
  expect(wasm.out).toContain('BRICKWORK_BACKEND chooses wasm here')
  expect(wasm.code).toBe(0)
  expect(nonsense.error).toContain(
    "BRICKWORK_BACKEND: expected interpreter, native, wasm, got 'non",
  )
  expect(nonsense.code).toBe(1)
})

describe('serve', () => {
  /** A server of the trained run, and what it has said so far. */
  async function serving(...args: string[]) {
    cpSync(inFolder('run'), inFolder('served'), { recursive: true })
    const { child, outcome } = start(['serve', 'served', '--port', '0', '--json', ...args])
    const said = { log: '' }
    child.stderr!.on('data', (text: string) => {
      said.log += text
    })
    const first = await new Promise<string>((done) => child.stdout!.once('data', done))
    return { child, outcome, said, url: lines(first)[0]!['url'] as string }
  }
  const until = async (holds: () => boolean) => {
    for (let i = 0; i < 500 && !holds(); i++) await new Promise((done) => setTimeout(done, 20))
    expect(holds()).toBe(true)
  }

  test('answers, takes new checkpoints, keeps labels, and ends', async () => {
    const { child, outcome, said, url } = await serving('--watch', '--feedback', 'corrected')
    const headers = { 'content-type': 'image/png' }
    const body = readFileSync(inFolder('run/try.png'))
    const classify = async () =>
      (await fetch(`${url}/classify?top=1`, { method: 'POST', headers, body })).json()
    const answer = await classify()
    expect(answer).toMatchObject({ model: 'lenet', version: '1' })
    const [{ class: name, probability }] = answer.predictions
    const predicted = lines((await run('predict', 'served', 'run/try.png', '--json')).out)[0]!
    expect(predicted['class']).toBe(name)
    expect(predicted['probability']).toBeCloseTo(probability, 5)

    const corrected = await fetch(`${url}/feedback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: answer.id, label: '7' }),
    })
    const { file } = await corrected.json()
    expect(readFileSync(join(inFolder('corrected'), file))).toEqual(body)

    const replace = (content: Uint8Array) => {
      writeFileSync(inFolder('served/.new'), content)
      renameSync(inFolder('served/.new'), inFolder('served/best.safetensors'))
    }
    const whole = readFileSync(inFolder('run/best.safetensors'))
    replace(whole.subarray(0, 5000))
    await until(() => said.log.includes('"msg":"not loaded"'))
    expect(await classify()).toMatchObject({ version: '1', predictions: answer.predictions })
    replace(whole)
    await until(() => said.log.includes('"version":"2"') && said.log.split('"loaded"').length === 3)
    expect(await classify()).toMatchObject({ version: '2', predictions: answer.predictions })

    child.kill('SIGTERM')
    const { code, out } = await outcome
    expect(code).toBe(0)
    expect(lines(out).map(({ event }) => event)).toEqual(['serving', 'stopped'])
  })

  test('answers what waits before it ends', async () => {
    const { child, outcome, url } = await serving('--max-delay-ms', '60000')
    const body = readFileSync(inFolder('run/try.png'))
    const headers = { 'content-type': 'image/png' }
    const answers = Promise.all(
      Array.from({ length: 20 }, () => fetch(`${url}/classify`, { method: 'POST', headers, body })),
    )
    let metrics = ''
    while (!metrics.includes('brickwork_queue_length 20\n')) {
      metrics = await (await fetch(`${url}/metrics`)).text()
    }
    child.kill('SIGTERM')
    for (const { status } of await answers) expect(status).toBe(200)
    expect((await outcome).code).toBe(0)
  })

  test('says so where others can reach it', async () => {
    const { child, outcome } = await serving('--host', '0.0.0.0')
    child.kill('SIGINT')
    const { code, error } = await outcome
    expect(code).toBe(0)
    expect(error).toContain('whoever reaches this machine over the network can use the model')
  })

  test.each([
    ['no run', ['serve', 'nowhere'], "got 'nowhere'"],
    ['nothing to watch', ['serve', 'squeezenet1_1', '--watch'], 'expected a run folder'],
    ['an address of elsewhere', ['serve', 'run', '--host', '192.0.2.1'], 'Choose another --port'],
  ])('%s: 1', async (_, args, text) => {
    const { code, error } = await run(...args)
    expect(error).toContain(text)
    expect(code).toBe(1)
  })
})

describe('wrong usage ends with 2', () => {
  test.each([
    [['train', 'lenett'], "Did you mean 'lenet'?"],
    [['train', 'lenet', '--data', 'mist'], "Did you mean 'mnist'?"],
    [['train', 'lenet', '--epochs', '0'], 'whole number from 1'],
    [['train', 'lenet', '--lr', '-1'], 'number above 0'],
    [['train', 'lenet', '--epoch', '3'], '--epochs'],
    [['train', 'lenet', '--backend', 'cuda'], 'interpreter, native, wasm'],
    [['train'], 'name a network'],
    [['trian'], 'train'],
    [['predict', 'run'], 'image'],
    [['train', '--resume', 'run', '--out', 'other'], 'leave out --out'],
    [['train', 'lenet', '--schedule', 'cosin'], "Did you mean 'cosine'?"],
    [['train', 'lenet', '--ema', '1'], 'below 1'],
    [['train', 'lenet', '--weight-decay', '-1'], 'number from 0'],
    [['runs', '--sort', 'los'], "Did you mean 'loss'?"],
    [['plot'], 'run'],
    [['classify', 'run/try.png', '--model', 'run', '--out', 'x.jpg'], 'ends with .png'],
    [['finetune', '--model', 'run', '--data', 'nowhere'], 'or a folder of images'],
  ])('%j', async (args, text) => {
    const { code, out, error } = await run(...args)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(error).toContain(text)
    expect(error).not.toMatch(/\n\s+at /)
  })
})

describe('failures end with 1, without a stack', () => {
  test.each([
    ['no such run', ['eval', 'nowhere'], 'no such folder'],
    ['a run that is there', ['train', 'lenet', '--out', 'run'], '--resume'],
    ['an image that is missing', ['predict', 'run', 'missing.png'], 'missing.png'],
    ['a file that is no image', ['predict', 'run', 'text.png'], 'an image'],
    ['a damaged checkpoint', ['eval', 'damaged'], 'safetensors'],
    ['another model', ['train', 'mlp', '--resume', 'run'], 'model lenet'],
    ['a folder that can not be written', ['train', 'lenet', '--out', 'text.png/run'], 'text.png'],
    ['a folder as an image', ['predict', 'run', 'damaged'], 'a folder where a file is needed'],
    ['a checkpoint as a run', ['eval', 'run/best.safetensors'], "'run/best.safetensors', a file"],
    ['a name too long', ['train', 'lenet', '--out', 'a'.repeat(300)], 'Choose a shorter path'],
    [
      'a warm-up of a plateau',
      ['train', 'mlp', '--schedule', 'plateau', '--warmup', '1'],
      'cosine',
    ],
    ['a folder of no runs', ['runs', 'cache'], 'a folder with runs, got none'],
    ['runs nowhere', ['runs', 'nowhere'], 'got no such folder'],
    ['too many held out', ['train', 'lenet', '--hold-out', '1437'], 'fewer than the 1437'],
    ['a plot of nothing', ['plot', 'text.png'], 'got a file'],
    ['a plot as GIF', ['plot', 'run', '--out', 'x.gif'], '.svg or .png'],
    ['no compiler', ['eval', 'run', '--backend', 'native'], 'C compiler'],
  ])('%s', async (name, args, text) => {
    writeFileSync(inFolder('text.png'), 'no image')
    if (!existsSync(inFolder('damaged'))) {
      cpSync(inFolder('run'), inFolder('damaged'), { recursive: true })
      truncateSync(inFolder('damaged/best.safetensors'), 5000)
    }
    const environment = name === 'no compiler' ? { CC: '/nowhere/cc' } : {}
    const { code, error } = await start(args, environment as Record<string, string>).outcome
    expect(error).toContain(text)
    expect(code).toBe(1)
    expect(error).not.toMatch(/\n\s+at /)
  })

  test('with --verbose the stack is shown, with --json the parts', async () => {
    const { error, out } = await run('eval', 'nowhere', '--verbose', '--json')
    expect(error).toMatch(/\n\s+at /)
    expect(lines(out)).toMatchObject([{ event: 'error', kind: 'unknown', where: 'model' }])
  })

  test('an old Node is told before anything else is loaded', () => {
    const old = `Object.defineProperty(process.versions, 'node', { value: '18.20.0' }); await import(${JSON.stringify(main)})`
    const child = spawn(process.execPath, ['--input-type=module', '-e', old])
    return outcomeOf(child).then(({ code, error }) => {
      expect(code).toBe(1)
      expect(error).toContain('expected Node 20.19 or newer, got 18.20.0')
    })
  })
})
