import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type * as Files from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { ArrayDataset } from '../src/data/array-dataset.ts'
import { sgd } from '../src/optim/sgd.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import { readCheckpoint } from '../src/train/checkpoint.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import { circle, freshNet, Net, temporaryFolder, usual } from './train-case.ts'

/** Set: writing a file whose name holds this fails as on a full disk, after the first bytes. */
let full: string | undefined

vi.mock('node:fs/promises', async (load) => {
  const fs = await load<typeof Files>()
  const open = async (path: string, flags: string): Promise<Files.FileHandle> => {
    const file = await fs.open(path, flags)
    if (full === undefined || !String(path).includes(full)) return file
    file.write = async () => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    }
    return file
  }
  return { ...fs, open, default: fs }
})

const folder = temporaryFolder()
const trainSet = circle(20)
afterAll(async () => (await currentBackend()).close())

let runs = 0
/** A folder with a run of 2 epochs. */
async function runFolder(): Promise<string> {
  const out = join(folder, `run-${runs++}`)
  await trainModel(freshNet(), trainSet, { ...usual, epochs: 2, out, config: { note: 'kept' } })
  return out
}
const resume = { ...usual, epochs: 4, resume: true }

test('a run folder holds checkpoints, config, metrics and state', async () => {
  const out = await runFolder()
  const names = readdirSync(out).map((name) => name.replace(/(tfevents)\..*/, '$1'))
  expect(names.sort()).toEqual([
    'best.safetensors',
    'config.json',
    'curves.png',
    'curves.svg',
    'environment.json',
    'events.out.tfevents',
    'last.json',
    'last.safetensors',
    'metrics.csv',
    'metrics.jsonl',
  ])
  const { arrays, state } = await readCheckpoint(out, 'last')
  expect([...arrays.keys()]).toContain('hidden.weight')
  expect([...arrays.keys()]).toContain('optimizer/exp_avg.hidden.weight')
  expect(state.position).toEqual({ seed: 5, epoch: 2, batch: 0 })
  expect(state.config).toEqual({ note: 'kept' })
  const config = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))
  expect(config).toEqual({ ...state.setup, note: 'kept' })
  expect(config).toMatchObject({
    model: freshNet().constructor.name,
    loss: 'crossEntropy',
    optimizer: 'Adam',
    epochs: 2,
    schedule: null,
    earlyStopping: null,
  })
  expect(config.lr).toBe(state.optimizer.lr)
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line).epoch)).toEqual([1, 2])
  expect(JSON.parse(readFileSync(join(out, 'last.json'), 'utf8'))).toEqual(state)
})

test('a run is not overwritten', async () => {
  const out = await runFolder()
  await expect(trainModel(freshNet(), trainSet, { ...usual, out })).rejects.toMatchObject({
    kind: 'checkpoint',
    where: out,
    remedy: expect.stringContaining('resume'),
  })
})

describe.each(['best', 'last'])('a disk that is full while writing %s', (name) => {
  test('fails, and the old checkpoint survives and can be resumed', async () => {
    const out = await runFolder()
    const before = readFileSync(join(out, 'last.safetensors'))
    full = `${name}.safetensors`
    // With a monitor that always improves, both files are written after each epoch.
    const growing = { ...usual.metrics![0]!, name: 'n', result: () => ++grown }
    const options = { ...resume, metrics: [growing], monitor: 'n', out }
    await expect(trainModel(freshNet(), trainSet, options)).rejects.toMatchObject({
      kind: 'file',
      got: expect.stringContaining('full disk'),
      where: join(out, `${name}.safetensors`),
    })
    full = undefined
    expect(readFileSync(join(out, 'last.safetensors'))).toEqual(before)
    expect(readdirSync(out).filter((file) => file.endsWith('.tmp'))).toEqual([])
    const run = await trainModel(freshNet(), trainSet, { ...resume, out })
    expect(run.history).toHaveLength(4)
  })
})
let grown = 10

test('a folder that can not be written is known before the first step', async () => {
  const out = join(folder, 'file')
  writeFileSync(out, '')
  let steps = 0
  const onEvent = () => void steps++
  const failing = trainModel(freshNet(), trainSet, { ...usual, out: join(out, 'run'), onEvent })
  await expect(failing).rejects.toMatchObject({ kind: 'file' })
  expect(steps).toBe(1) // the event of the error
})

describe('resume refuses', () => {
  const refusal = async (out: string, model = freshNet(), data = trainSet, options = {}) =>
    trainModel(model, data, { ...resume, ...options, out })

  test('a folder without a run', async () => {
    const out = join(folder, 'empty')
    mkdirSync(out)
    await expect(refusal(out)).rejects.toMatchObject({ kind: 'checkpoint', where: out })
  })

  test('another model', async () => {
    await expect(refusal(await runFolder(), new Net(9))).rejects.toMatchObject({
      kind: 'checkpoint',
      got: expect.stringContaining('hidden.weight'),
    })
  })

  test('another optimiser', async () => {
    const options = { optimizer: sgd({ lr: 0.1 }) }
    await expect(refusal(await runFolder(), freshNet(), trainSet, options)).rejects.toMatchObject({
      kind: 'checkpoint',
      wanted: expect.stringContaining('Adam'),
      got: 'SGD',
    })
  })

  test('other data', async () => {
    const out = await runFolder()
    const other = new ArrayDataset({ ...circle(20), name: 'other' })
    await expect(refusal(out, freshNet(), other)).rejects.toMatchObject({ got: 'other' })
    const batches = { batchSize: 4 }
    await expect(refusal(out, freshNet(), trainSet, batches)).rejects.toMatchObject({ got: '4' })
  })

  test('a damaged checkpoint, and leaves it as it is', async () => {
    const out = await runFolder()
    const path = join(out, 'last.safetensors')
    const bytes = readFileSync(path)
    for (const bad of [bytes.subarray(0, 400), bytes.subarray(0, bytes.length - 1)]) {
      writeFileSync(path, bad)
      await expect(refusal(out)).rejects.toMatchObject({ kind: 'file' })
      expect(readFileSync(path)).toEqual(Buffer.from(bad))
    }
    // The same length, so that only the state is wrong.
    const text = bytes.toString('latin1').replace('\\"history\\"', '\\"hist0ry\\"')
    writeFileSync(path, text, 'latin1')
    await expect(refusal(out)).rejects.toMatchObject({
      kind: 'checkpoint',
      wanted: expect.stringContaining('history'),
    })
  })
})
