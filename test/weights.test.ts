import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { serializeNpy, serializeNpz } from '../src/data/readers/npy.ts'
import { writeSafetensors } from '../src/files/tensor-file.ts'
import { createBackend, nn, tensor, useBackend, weights } from '../src/index.ts'
import { dataFile } from './data-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-weights-'))
beforeAll(async () => useBackend(await createBackend('interpreter')))
afterAll(() => rmSync(folder, { recursive: true }))

const w: ArrayView = { dtype: 'f32', shape: [2, 1], data: Float32Array.of(0.5, -2) }
const n: ArrayView = { dtype: 'i32', shape: [], data: Int32Array.of(7) }
const both = new Map([
  ['w', w],
  ['n', n],
])

/** A path without an ending that would say what the file is. */
const pathOf = (name: string) => join(folder, name)

async function make(name: string): Promise<string> {
  const path = pathOf(name)
  if (name === 'safetensors') await writeSafetensors(path, both)
  if (name === 'npz') writeFileSync(path, serializeNpz({ w, n }))
  if (name === 'index') {
    await writeSafetensors(pathOf('shard'), both)
    writeFileSync(path, '{"weight_map": {"w": "shard", "n": "shard"}}')
  }
  if (name === 'folder' || name === 'bin' || name === 'shards') {
    mkdirSync(path)
    const inside = { folder: 'model.safetensors', bin: 'pytorch_model.bin', shards: 'shard' }[name]
    if (name === 'bin') copyFileSync('test/torch-checkpoints/deflated.pt', join(path, inside))
    else await writeSafetensors(join(path, inside), both)
    const index = '{"weight_map": {"w": "shard", "n": "shard"}}'
    if (name === 'shards') writeFileSync(join(path, 'model.safetensors.index.json'), index)
  }
  return path
}

test('a model is saved by its states; a path in its place is refused', async () => {
  const model = new nn.Linear(2, 1)
  await weights.save(model, pathOf('linear.safetensors'))
  const read = await weights.load(pathOf('linear.safetensors'))
  expect(read.get('weight')!.data).toEqual(await model.weight.data())
  await expect(weights.save('model' as never, model as never)).rejects.toThrow(
    /a path after the model, got object. Call weights.save\(model/,
  )
})

describe('weights.load knows by its content', () => {
  test.each(['safetensors', 'npz', 'index', 'folder', 'shards'])('%s', async (name) => {
    const path = await make(name)
    const arrays = await weights.load(path)
    expect(new Map([...arrays].sort())).toEqual(new Map([...both].sort()))
    const file = await weights.open(path)
    expect(file.info('w')).toEqual({ dtype: 'F32', shape: [2, 1], bytes: 8 })
    expect(() => file.info('x')).toThrow("got 'x'")
    await file.close()
  })

  test('PyTorch, zip and older, and a folder of it', async () => {
    for (const name of ['plain.pt', 'legacy.pt']) {
      const path = pathOf(`${name}.txt`)
      copyFileSync(join('test/torch-checkpoints', name), path)
      expect((await weights.load(path)).get('scalar')?.data[0]).toBe(2.5)
    }
    expect((await weights.load(await make('bin'))).get('b')?.data).toEqual(Int32Array.of(1, -1))
    const part = await weights.load('test/torch-checkpoints/training.pt', { key: 'ema.shadow' })
    expect([...part.keys()]).toEqual(['0', '1'])
  })

  test('PyTorch in several files, and an index that names itself', async () => {
    copyFileSync('test/torch-checkpoints/deflated.pt', pathOf('part.bin'))
    const index = pathOf('pytorch_model.bin.index.json')
    writeFileSync(index, '{"weight_map": {"b": "part.bin"}}')
    const loaded = await weights.load(index)
    expect(loaded).toEqual(
      new Map([['b', { dtype: 'i32', shape: [2], data: Int32Array.of(1, -1) }]]),
    )
    writeFileSync(index, '{"weight_map": {"b": "pytorch_model.bin.index.json"}}')
    await expect(weights.load(index)).rejects.toThrow(/a file that torch\.save wrote/)
  })

  test('NumPy of one array, by the name of its file', async () => {
    writeFileSync(pathOf('bias.npy'), serializeNpy(w))
    expect(await weights.load(pathOf('bias.npy'))).toEqual(new Map([['bias', w]]))
  })

  const squeezenet = dataFile('squeezenet1.1/squeezenet1.1-fp16.onnx')
  test.skipIf(squeezenet.missing)(`ONNX${squeezenet.note}`, async () => {
    const file = await weights.open(squeezenet.path)
    expect(file.info('conv10_w_0').shape).toEqual([1000, 512, 1, 1])
    expect((await file.read('conv1_b_0')).data.length).toBe(64)
    await file.close()
  })

  test('a small ONNX file', async () => {
    // ModelProto: ir_version 8, opset_import 13, a graph of one initialiser w = [2].
    const tensor = [0x08, 1, 0x10, 1, 0x42, 1, 0x77, 0x4a, 4, 0, 0, 0, 0x40]
    const graph = [0x2a, tensor.length, ...tensor]
    const model = [0x08, 8, 0x3a, graph.length, ...graph, 0x42, 2, 0x10, 13]
    writeFileSync(pathOf('model'), Uint8Array.from(model))
    const loaded = await weights.load(pathOf('model'))
    expect(loaded).toEqual(new Map([['w', { dtype: 'f32', shape: [1], data: Float32Array.of(2) }]]))
  })

  test('the folder of a run: the best weights, averaged if it keeps an average', async () => {
    const run = pathOf('run')
    const scalar = (value: number): ArrayView => ({
      dtype: 'f32',
      shape: [],
      data: Float32Array.of(value),
    })
    const state = { brickwork: '{}' }
    const beside: [string, ArrayView][] = [
      ['optimizer/0.step', n],
      ['accumulated/w', scalar(9)],
      ['b', scalar(1)],
    ]
    await writeSafetensors(join(run, 'last.safetensors'), [['w', scalar(1)], ...beside], state)
    expect(await weights.load(run)).toEqual(
      new Map([
        ['w', scalar(1)],
        ['b', scalar(1)],
      ]),
    )
    const average: [string, ArrayView][] = [['w', scalar(1)], ['ema/w', scalar(2)], ...beside]
    await writeSafetensors(join(run, 'best.safetensors'), average, state)
    expect(await weights.load(run)).toEqual(
      new Map([
        ['w', scalar(2)],
        ['b', scalar(1)],
      ]),
    )
    const last = await weights.load(join(run, 'last.safetensors'))
    expect(last.get('w')).toEqual(scalar(1))
  })

  test.each([
    ['an empty file', ''],
    ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n'],
    ['a web page', '<!DOCTYPE html><html></html>'],
    ['HDF5', '\x89HDF\r\n\x1a\n'],
    ['an image', '\x89PNG\r\n\x1a\n'],
    ['begins with 68 65 6c 6c 6f', 'hello'],
    ['a gzip file', gzipSync('x').toString('latin1')],
  ])('what is none: %s', async (what, content) => {
    writeFileSync(pathOf('other'), content, 'latin1')
    await expect(weights.load(pathOf('other'))).rejects.toThrow(
      new RegExp(`other: expected weights: a folder of a run.*got .*${what}`),
    )
  })

  test('what is not there, or a folder of other things', async () => {
    await expect(weights.load(pathOf('none'))).rejects.toThrow(/none: .*no such file/)
    mkdirSync(pathOf('empty'))
    await expect(weights.load(pathOf('empty'))).rejects.toThrow(/got a folder of nothing/)
  })
})

test('weights.save writes states of models and arrays', async () => {
  const layer = new nn.Linear(2, 2)
  const path = pathOf('saved/linear.safetensors')
  await weights.save(layer, path, { dtype: 'bf16', metadata: { by: 'test' } })
  const file = await weights.open(path)
  expect(file.metadata).toEqual({ by: 'test' })
  expect(file.info('weight')).toEqual({ dtype: 'BF16', shape: [2, 2], bytes: 8 })
  await file.close()
  const other = new nn.Linear(2, 2)
  other.loadStateDict(await weights.load(path))
  const difference = other.weight.sub(layer.weight).abs().max()
  expect(await difference.item()).toBeLessThan(2 ** -9)
  await weights.save(new Map([['x', tensor([1, 2])]]), path)
  expect((await weights.load(path)).get('x')?.data).toEqual(Float32Array.of(1, 2))
})
