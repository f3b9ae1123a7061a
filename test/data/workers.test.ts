import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type * as brickwork from '../../src/index.ts'

// Worker threads run the build: Node 20 reads no TypeScript.
const root = resolve(import.meta.dirname, '../..')
const folder = join(root, 'build/data-workers')
const sets = pathToFileURL(join(import.meta.dirname, 'worker-sets.js'))
let data: typeof brickwork.data
let library: typeof brickwork

beforeAll(async () => {
  const tsc = join(root, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-p', join(root, 'tsconfig.build.json'), '--outDir', folder])
  process.env['BRICKWORK_TEST_BUILD'] = pathToFileURL(folder).href
  library = await import(/* @vite-ignore */ pathToFileURL(join(folder, 'index.js')).href)
  data = library.data
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Loader = brickwork.data.DataLoader
type Items = brickwork.data.Dataset

const make = <T extends object>(name: string, ...args: unknown[]) =>
  data.load<T>(sets, name, ...args)

async function rowsOf(loader: Loader): Promise<number[][]> {
  const rows: number[][] = []
  for await (const [inputs] of loader) rows.push([...inputs.data])
  return rows
}

describe('worker threads', () => {
  test('the batches are the same at any number of workers, in each epoch', async () => {
    const noisy =
      await make<brickwork.data.MapItem<brickwork.data.Example, brickwork.data.Example>>('noisy')
    const set = (await make<Items>('numbers', 23)).map(noisy).subset([...Array(21).keys()])
    const epochs = async (workers: number) => {
      const loader = new data.DataLoader(set, { batchSize: 4, shuffle: true, seed: 9, workers })
      return [await rowsOf(loader), await rowsOf(loader)]
    }
    const expected = await epochs(0)
    expect(expected[0]!.map((row) => row.length)).toEqual([4, 4, 4, 4, 4, 1])
    expect(expected[0]).not.toEqual(expected[1])
    for (const workers of [1, 3]) expect(await epochs(workers)).toEqual(expected)
  })

  test('arrays, transforms and normalisation are as in the main thread', async () => {
    const n = 12
    const images = new data.ArrayDataset({
      name: 'images',
      inputs: {
        dtype: 'u8',
        shape: [n, 1, 2, 2],
        data: Uint8Array.from({ length: 4 * n }, (_, i) => i),
      },
      targets: { dtype: 'i32', shape: [n], data: Int32Array.from({ length: n }, (_, i) => i) },
    })
    const { compose, randomAffine, randomApply, gaussianNoise, perExample, resize } =
      data.transforms
    const affine = randomApply(randomAffine({ degrees: 20 }), 0.5)
    const transform = compose(affine, gaussianNoise(0.1))
    const normalize = { mean: 0.5, std: 0.25 }
    const options = { batchSize: 5, shuffle: true, normalize, transform }
    const [here, there] = [0, 2].map(
      (workers) => new data.DataLoader(images, { ...options, workers }),
    )
    expect(await rowsOf(there!)).toEqual(await rowsOf(here!))
    const larger = images
      .map(perExample(resize(3)))
      .cache()
      .concat(images.map(perExample(resize(3))))
    const rows = (workers: number) => rowsOf(new data.DataLoader(larger, { batchSize: 7, workers }))
    expect(await rows(1)).toEqual(await rows(0))
  })

  test('a stream goes through one worker, and resumes', async () => {
    const stream = (await make<object>(
      'stream',
    )) as brickwork.data.IterableDataset<brickwork.data.Example>
    const loader = () => new data.DataLoader(stream, { batchSize: 4, workers: 3 })
    const all = [
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]
    expect(await rowsOf(loader())).toEqual(all)
    const resumed = loader()
    resumed.restore({ seed: 0, epoch: 0, batch: 1 })
    expect(await rowsOf(resumed)).toEqual(all.slice(1))
  })

  test('a collate function of a module; workers know who they are', async () => {
    const collate = await make<brickwork.data.Collate<brickwork.data.Example, number>>('sum')
    const options = { batchSize: 5, workers: 2, collate }
    const sums: number[] = []
    const numbers = await make<Items>('numbers', 20)
    for await (const sum of new data.DataLoader(numbers, options)) sums.push(sum)
    expect(sums).toEqual([10, 35, 60, 85])
    const informed = await make<Items>('informed')
    expect(await rowsOf(new data.DataLoader(informed, { batchSize: 4, workers: 2 }))).toEqual([
      [2, 2, 2, 2],
      [102, 102, 102, 102],
    ])
    expect(data.workerInfo()).toBeUndefined()
  })

  test.each([
    ['failing', /^item 7 is rotten$/],
    [
      'deadly',
      /DataLoader: worker 1: expected a worker thread that goes on, got one that died: it ended with code 3/,
    ],
    ['greedy', /worker 1: .* died: thrown outside of any promise/],
    ['silent', /DataLoader: workers: expected the next batch within 1000 ms, got none/],
  ])('%s: the error comes when its turn has come, and nothing hangs', async (name, message) => {
    const set = await make<Items>(name)
    // Long enough that only what never comes is late, on a busy machine too.
    const timeout = name === 'silent' ? 1000 : 60_000
    const loader = new data.DataLoader(set, { batchSize: 4, workers: 2, timeout })
    const seen: number[][] = []
    const failed = (async () => {
      for await (const [inputs] of loader) seen.push([...inputs.data])
    })()
    await expect(failed).rejects.toThrow(message)
    if (name === 'failing') {
      expect(seen).toEqual([[0, 1, 2, 3]])
      await failed.catch((error: Error) => expect(error.stack).toContain('in a worker thread'))
    }
  })

  test('persistent workers keep their caches, go on after an epoch, and are ended by close', async () => {
    const threads = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length
    const before = threads()
    const counting = await make<Items>('counting')
    const epochs = async (persistentWorkers: boolean) => {
      const options = { batchSize: 3, workers: 2, persistentWorkers }
      const loader = new data.DataLoader(counting, { ...options, shuffle: true })
      const rows = [await rowsOf(loader), await rowsOf(loader)]
      await loader.close()
      return rows.map((epoch) => epoch.flat().sort((a, b) => a - b))
    }
    // Each of two workers makes three items an epoch; those that it has made before are cached.
    const made = await epochs(true)
    expect(made[0]).toEqual([0, 0, 1, 1, 2, 2])
    expect(Math.max(...made[1]!)).toBeLessThan(6)
    expect(made[1]).not.toEqual(made[0])
    expect(await epochs(false)).toEqual([made[0], made[0]])
    expect(threads()).toBe(before)
    const stream = (await make<object>(
      'stream',
    )) as brickwork.data.IterableDataset<brickwork.data.Example>
    const loader = new data.DataLoader(stream, {
      batchSize: 4,
      workers: 1,
      persistentWorkers: true,
    })
    expect(await rowsOf(loader)).toEqual(await rowsOf(loader))
    await loader.close()
    expect(threads()).toBe(before)
  })

  test('train.fit with worker threads gives the same weights', async () => {
    const { manualSeed, nn, optim, train } = library
    const losses = async (workers: number) => {
      manualSeed(1)
      const run = await train.fit(new nn.Linear(2, 3), data.gaussians({ n: 60 }), {
        loss: nn.crossEntropy,
        optimizer: optim.sgd({ lr: 0.1 }),
        epochs: 2,
        progress: 'none',
        loading: { workers },
      })
      return run.history.map((record) => record.train.loss)
    }
    expect(await losses(2)).toEqual(await losses(0))
    await (await library.currentBackend()).close()
  })

  test('images of folders, and a corrupt one named', async () => {
    const { default: sharp } = await import('sharp')
    const images = mkdtempSync(join(tmpdir(), 'brickwork-worker-images-'))
    try {
      for (const name of ['a', 'b']) {
        mkdirSync(join(images, name))
        const create = { width: 8, height: 8, channels: 3, background: '#102030' } as const
        await sharp({ create }).toFile(join(images, name, '1.png'))
      }
      const rows = async (workers: number) =>
        rowsOf(new data.DataLoader(await data.imageFolder(images, { size: 2 }), { workers }))
      expect(await rows(1)).toEqual(await rows(0))
      writeFileSync(join(images, 'b', '2.png'), 'rubbish')
      await expect(rows(2)).rejects.toMatchObject({
        kind: 'file',
        where: join(images, 'b', '2.png'),
      })
    } finally {
      rmSync(images, { recursive: true })
    }
  })

  test('leaving the loop early ends the threads', async () => {
    const threads = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length
    const before = threads()
    const loader = new data.DataLoader(await make<Items>('numbers', 400), {
      batchSize: 2,
      workers: 2,
    })
    for await (const _ of loader) {
      expect(threads()).toBeGreaterThan(before)
      break
    }
    expect(threads()).toBe(before)
    expect(loader.position).toEqual({ seed: 0, epoch: 0, batch: 1 })
  })

  test('what only this thread has is refused', async () => {
    const set = (await make<Items>('numbers', 4)).map(function twice(item) {
      return item
    })
    await expect(rowsOf(new data.DataLoader(set, { workers: 1 }))).rejects.toThrow(
      /got a function of this thread alone: twice\. Write it in a module/,
    )
    await expect(make('nothing')).rejects.toThrow(/an export nothing that is a function or a class/)
  })
})
