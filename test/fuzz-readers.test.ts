import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { unzipSync, zipSync } from 'fflate'
import sharp from 'sharp'
import { afterAll, describe, expect, test } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { BrickError } from '../src/base/errors.ts'
import { sizeOf } from '../src/base/shape.ts'
import { parseIdx } from '../src/data/idx.ts'
import { decodeImage } from '../src/data/readers/image.ts'
import { JsonLines } from '../src/data/readers/lines.ts'
import { readNpy, readNpz, serializeNpy, serializeNpz } from '../src/data/readers/npy.ts'
import { readCsv, readJsonLines } from '../src/data/readers/tables.ts'
import { readWav } from '../src/data/readers/wav.ts'
import { readCifar } from '../src/data/sets/cifar.ts'
import { unpackGzip } from '../src/files/gunzip.ts'
import { readAll } from '../src/files/open-tensors.ts'
import { serializeSafetensors } from '../src/files/safetensors.ts'
import { openShards } from '../src/files/shards.ts'
import { readSafetensors } from '../src/files/tensor-file.ts'
import { openTorch } from '../src/files/torch/torch-file.ts'
import { parseConfig } from '../src/hub/config.ts'
import { data, weights } from '../src/index.ts'
import {
  checkpointPath,
  readCheckpoint,
  readRunState,
  writeCheckpoint,
} from '../src/train/checkpoint.ts'
import { parseRunState, type RunState } from '../src/train/run-state.ts'
import { type FuzzTarget, fuzz } from './fuzz.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-fuzz-'))
afterAll(() => rmSync(folder, { recursive: true }))

const join8 = (parts: Iterable<Uint8Array>): Buffer => Buffer.concat([...parts])

const arrays: [string, ArrayView][] = [
  ['conv.weight', { dtype: 'f32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ['conv.bias', { dtype: 'i32', shape: [2], data: Int32Array.of(7, 8) }],
  ['mask', { dtype: 'bool', shape: [1, 2, 2], data: Uint8Array.of(0, 1, 1, 0) }],
]

/** What was read must be whole. */
function checkArrays(read: Iterable<ArrayView>): void {
  for (const { shape, data } of read) expect(data.length).toBe(sizeOf(shape))
}

const state: RunState = {
  format: 2,
  versions: { brickwork: '0.1.0', node: '20' },
  config: { model: 'lenet', classNames: ['a', 'b'] },
  setup: { epochs: 3 },
  position: { seed: 1, epoch: 2, batch: 0 },
  data: { name: 'digits', length: 10, batchSize: 5, shuffle: true },
  generator: [1, 2, 3, 4],
  optimizer: { name: 'Adam', initialLr: 0.1, lr: 0.05, initialLrs: [0.1], lrs: [0.05] },
  schedule: { name: 'step', step: 3 },
  history: [{ epoch: 1, train: { loss: 0.5, metrics: { accuracy: 0.9 } }, lr: 0.1, seconds: 2 }],
  best: { epoch: 1, value: 0.5, waited: 0, reference: 0.5 },
  tally: { examples: 5, loss: 0.25, sums: [[1, 2]] },
  seconds: 3,
  batches: 4,
}

function wave(tag: number, channels: number, bits: number): Buffer {
  const data = Buffer.alloc(48, 1)
  const head = Buffer.alloc(44)
  head.write('RIFF', 0)
  head.writeUInt32LE(36 + data.length, 4)
  head.write('WAVEfmt ', 8)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(tag, 20)
  head.writeUInt16LE(channels, 22)
  head.writeUInt32LE(8000, 24)
  head.writeUInt16LE(bits, 34)
  head.write('data', 36)
  head.writeUInt32LE(data.length, 40)
  return Buffer.concat([head, data])
}

const idx = Buffer.concat([
  Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]),
  Buffer.alloc(18, 9),
])

const csv = 'id,height,"name, full"\n1,2.5,"a ""b"""\n2,,c\n3,1e3,"d\ne"\n'

const torch = (name: string): Buffer => readFileSync(join('test/torch-checkpoints', name))

const pickleOf = (name: string): Uint8Array => {
  const entries = unzipSync(torch(name))
  return Object.entries(entries).find(([entry]) => entry.endsWith('data.pkl'))![1]
}
const pickleWords = [
  'cos\nsystem\n',
  'R',
  '\x81',
  'b',
  'Q',
  '(',
  '.',
  't',
  '\x8c\x02os',
  'h\x01',
  '2',
  ']',
  '}',
]

/** A checkpoint lies in a folder of its own. */
const inRun = async <T>(path: string, read: (run: string) => Promise<T>): Promise<T> => {
  const run = join(dirname(path), 'run')
  mkdirSync(run, { recursive: true })
  copyFileSync(path, checkpointPath(run, 'last'))
  return read(run)
}

const checkpoint = await (async () => {
  const path = await writeCheckpoint(join(folder, 'seed'), 'last', arrays, state)
  return readFileSync(path)
})()

const targets: FuzzTarget[] = [
  {
    file: 'a.safetensors',
    seeds: [
      join8(serializeSafetensors(arrays, { by: 'test' })),
      join8(serializeSafetensors(arrays, {}, { dtype: 'f16' })),
    ],
    words: ['"F64"', '"BF16"', '"I64"', '"__metadata__"', '[0,4]', '{}', '"', '1e9'],
    read: async (path) => checkArrays((await readSafetensors(path)).tensors.values()),
  },
  ...['plain.pt', 'no-crc.pt', 'deflated.pt', 'legacy.pt', 'legacy-views.pt'].map(
    (name): FuzzTarget => ({
      file: name,
      seeds: [torch(name)],
      words: pickleWords,
      read: async (path) => checkArrays((await readAll(await openTorch(path))).tensors.values()),
    }),
  ),
  {
    // A pickle in a whole zip file: nothing stops it before it is run.
    file: 'data.pkl',
    seeds: ['plain.pt', 'protocol5.pt', 'views.pt', 'training.pt'].map(pickleOf),
    words: pickleWords,
    read: async (path, bytes) => {
      const zip = `${path}.zip`
      const storages = Array.from({ length: 20 }, (_, i) => [`a/data/${i}`, new Uint8Array(96)])
      writeFileSync(
        zip,
        zipSync({ 'a/data.pkl': bytes, ...Object.fromEntries(storages) }, { level: 0 }),
      )
      checkArrays((await readAll(await openTorch(zip))).tensors.values())
    },
  },
  {
    file: 'model.safetensors.index.json',
    seeds: [Buffer.from('{"metadata": {"total_size": 9}, "weight_map": {"a": "x.safetensors"}}')],
    read: async (path) => readAll(await openShards(path)),
  },
  {
    file: 'a.npy',
    seeds: ['u8', 'i32', 'f32'].map((_, i) => serializeNpy(arrays[i]![1])),
    words: ["'<f8'", "'>i4'", "'|O'", 'True', '(9,)', "'descr'"],
    read: async (path) => checkArrays([await readNpy(path)]),
  },
  {
    file: 'a.npz',
    seeds: [
      serializeNpz(Object.fromEntries(arrays)),
      zipSync({ 'w.npy': serializeNpy(arrays[0]![1]) }, { level: 0 }),
    ],
    read: async (path) => checkArrays((await readNpz(path)).values()),
  },
  {
    file: 'weights',
    seeds: [
      ...arrays.map(([, array]) => serializeNpy(array)),
      torch('plain.pt'),
      torch('legacy.pt'),
      join8(serializeSafetensors(arrays)),
      checkpoint,
    ],
    read: async (path) => checkArrays((await weights.load(path)).values()),
  },
  {
    file: 'last.safetensors',
    seeds: [checkpoint],
    words: ['null', '[]', '{}', '\\"', '-1', '"format"', 'history'],
    read: (path) =>
      inRun(path, async (run) => {
        await readRunState(run, 'last')
        checkArrays((await readCheckpoint(run, 'last')).arrays.values())
      }),
  },
  {
    file: 'state.json',
    seeds: [Buffer.from(JSON.stringify(state))],
    words: ['null', '[]', '{}', '"x"', '-1', ',', ':'],
    read: (path, bytes) => {
      const { history, best, optimizer, tally } = parseRunState(
        new TextDecoder().decode(bytes),
        path,
      )
      // What lists of runs and resuming take of it.
      const record = history[(best?.epoch ?? history.length) - 1]
      void record?.train.metrics['accuracy']
      expect([typeof optimizer.lr, typeof tally.examples]).toEqual(['number', 'number'])
    },
  },
  {
    file: 'config.json',
    seeds: [
      Buffer.from(
        '{"architecture": "resnet18", "num_classes": 2, "label_names": ["a", "b"], "pretrained_cfg": {"input_size": [3, 9, 9], "mean": [0.5, 1, 2], "crop_pct": 0.9}}',
      ),
    ],
    read: (path, bytes) => parseConfig(new TextDecoder().decode(bytes), path),
  },
  {
    file: 'tokenizer.json',
    seeds: [
      data.CharTokenizer.train('abcab'),
      data.WordTokenizer.train('a rose is a rose'),
      data.BpeTokenizer.train('low lower lowest', { vocabularySize: 262 }),
    ].map((tokenizer) => Buffer.from(JSON.stringify(tokenizer))),
    words: ['null', '[]', '"a"', '-1', '1e9', '{}'],
    read: async (path) => {
      const tokenizer = await data.loadTokenizer(path)
      try {
        tokenizer.decode(tokenizer.encode('a low rose'))
      } catch (error) {
        // It may know no such letters.
        if (!(error instanceof BrickError)) throw error
      }
    },
  },
  {
    file: 'images-idx3-ubyte',
    seeds: [idx],
    read: (path, bytes) => checkArrays([parseIdx(bytes, path, 3)]),
  },
  {
    file: 'images-idx3-ubyte.gz',
    seeds: [gzipSync(idx)],
    read: async (path, bytes) => parseIdx(await unpackGzip(bytes, path), path, 3),
  },
  {
    file: 'data_batch_1.bin',
    seeds: [Buffer.alloc(3073 * 2, 3), gzipSync(Buffer.alloc(3073, 5))],
    read: (path) => readCifar([path], { name: 'fuzz' }),
  },
  {
    file: 'a.wav',
    seeds: [wave(1, 1, 16), wave(1, 2, 24), wave(3, 1, 32), wave(1, 3, 8)],
    words: ['fmt ', 'data', 'LIST', 'RIFF'],
    read: async (path) => checkArrays([(await readWav(path)).samples]),
  },
  {
    file: 'a.csv',
    seeds: [Buffer.from(csv), gzipSync(csv)],
    words: ['"', '""', ',', '\n', '\r\n', '\0', '__proto__', '\ufeff'],
    read: (path) => readCsv(path, { missing: { height: 'mean' } }),
  },
  {
    file: 'a.jsonl',
    seeds: [Buffer.from('{"a": 1, "b": "x"}\n{"a": 2.5, "b": null}\n')],
    read: async (path) => {
      await readJsonLines(path, { missing: 'drop' })
      for await (const value of new JsonLines(path)) void value
    },
  },
]

describe('damaged files are read or refused by name, in time and in little memory', () => {
  test.each(targets.map((target) => [target.file, target] as const))('%s', async (_, target) => {
    const { refused } = await fuzz(folder, target)
    expect(refused).toBeGreaterThan(0)
  })

  const size = { width: 8, height: 8, channels: 3 } as const
  const pixels = Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (i * 7919) % 251)
  const photo = sharp(pixels, { raw: { width: 40, height: 30, channels: 3 } })
  test.each(['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif'] as const)(
    'an image: %s',
    async (format) => {
      const seeds = [await photo.clone().toFormat(format).toBuffer()]
      const read = async (path: string) => checkArrays([await decodeImage(path, size)])
      const { refused } = await fuzz(folder, { file: `a.${format}`, seeds, read, cases: 60 })
      expect(refused).toBeGreaterThan(0)
    },
  )
})
