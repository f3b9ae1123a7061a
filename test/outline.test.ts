import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { compileGraph } from '../src/compile/compile.ts'
import { LibraryCache } from '../src/device/native/cache.ts'
import { findCompiler, programFlags } from '../src/device/native/compiler.ts'
import { compilerFingerprint, fingerprintOf } from '../src/device/native/fingerprint.ts'
import { createNativeDevice } from '../src/device/native/native.ts'
import { OutlineCache } from '../src/device/native/outline.ts'
import {
  compile,
  createBackend,
  customGradient,
  grad,
  manualSeed,
  nn,
  optim,
  type Tensor,
  tensor,
  useBackend,
} from '../src/index.ts'
import * as b from '../src/loop/build.ts'
import type { Program } from '../src/loop/ir.ts'

vi.mock('../src/compile/compile.ts', { spy: true })

const folder = mkdtempSync(join(tmpdir(), 'brickwork-outline-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())
const fresh = () => mkdtempSync(join(folder, 'cache-'))
const outlines = (cache: string) =>
  readdirSync(cache)
    .filter((name) => name.endsWith('.outline'))
    .map((name) => join(cache, name))

/** What a function's first call gives in a new process, as far as the disk goes; and the graphs it compiled. */
async function firstCall(cache: string, call: () => Tensor) {
  vi.stubEnv('BRICKWORK_CACHE', cache)
  const backend = await createBackend('native', { threads: 1 })
  await useBackend(backend)
  const before = vi.mocked(compileGraph).mock.calls.length
  const values = [...(await call().data())]
  await useBackend(await createBackend('interpreter'))
  await backend.close()
  return { values, compiled: vi.mocked(compileGraph).mock.calls.length - before }
}

const x = () => tensor([1, 2, 3])

describe('a graph that was compiled before', () => {
  const step = () => {
    manualSeed(1)
    const layer = new nn.Linear(3, 1, { bias: false })
    const optimizer = new optim.Adam(layer.parameters(), { lr: 0.1 })
    const run = compile((batch: Tensor) => {
      const loss = layer.forward(batch).square().mean()
      optimizer.step(grad(loss, layer.parameters()))
      return loss
    })
    return run(tensor([[1, 2, 3]]))
  }

  test('is not compiled again by the next device on the same folder', async () => {
    const cache = fresh()
    const first = await firstCall(cache, step)
    expect(first.compiled).toBeGreaterThan(0)
    const second = await firstCall(cache, step)
    expect(second.compiled).toBe(0)
    expect(second.values).toEqual(first.values)
    expect((await firstCall(fresh(), step)).compiled).toBe(first.compiled)
  })

  test('is told from another one of equal shapes', async () => {
    const cache = fresh()
    const graphs: readonly [() => Tensor, number[]][] = [
      [() => x().mul(2), [2, 4, 6]],
      [() => x().mul(3), [3, 6, 9]],
      [() => x().add(2), [3, 4, 5]],
      [() => x().flip(0).mul(2), [6, 4, 2]],
      [() => x().mul(2).flip(0), [6, 4, 2]],
    ]
    for (const [graph, values] of graphs)
      expect(await firstCall(cache, graph)).toEqual({ values, compiled: 1 })
    for (const [graph, values] of graphs)
      expect(await firstCall(cache, graph)).toEqual({ values, compiled: 0 })
  })

  test('has the gradients that it was given, whatever else has its values', async () => {
    const cache = fresh()
    const gradient = (factor: number) => () => {
      const weight = x()
      const own = customGradient(
        (a: Tensor) => a.mul(2),
        (_, g) => [g.mul(factor)],
      )
      return grad(own(weight).sum(), [weight])[0]!
    }
    expect((await firstCall(cache, gradient(5))).values).toEqual([5, 5, 5])
    expect((await firstCall(cache, gradient(7))).values).toEqual([7, 7, 7])
    expect((await firstCall(cache, gradient(5))).values).toEqual([5, 5, 5])
  })

  test.each(['check', 'profile', 'kernels'])('is compiled under BRICK_DEBUG=%s', async (word) => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const cache = fresh()
    await firstCall(cache, () => x().mul(2))
    vi.stubEnv('BRICK_DEBUG', word)
    expect(await firstCall(cache, () => x().mul(2))).toEqual({ values: [2, 4, 6], compiled: 1 })
  })

  test.each<[string, (path: string, cache: string) => void]>([
    ['empty', (path) => writeFileSync(path, '')],
    ['cut off', (path) => truncateSync(path, 100)],
    ['changed', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace(/\d\}/, '0}'))],
    ['of another library', (path) => writeFileSync(path, `${'0'.repeat(64)}\n{"name":"no"}`)],
    ['without its library', (_, cache) => emptyLibraries(cache)],
  ])('is compiled again if its outline is %s', async (_, damage) => {
    const cache = fresh()
    const call = () => x().mul(2)
    await firstCall(cache, call)
    for (const path of outlines(cache)) damage(path, cache)
    expect(await firstCall(cache, call)).toEqual({ values: [2, 4, 6], compiled: 1 })
    expect(await firstCall(cache, call)).toEqual({ values: [2, 4, 6], compiled: 0 })
  })
})

/** Puts something else in the libraries' places; those that are loaded stay whole. */
function emptyLibraries(cache: string): void {
  for (const name of readdirSync(cache)) {
    if (name.endsWith('.outline')) continue
    const library = join(cache, name, 'program.so')
    rmSync(library)
    writeFileSync(library, 'empty')
  }
}

/** Doubles the numbers in slot 1; asks for an arena, too. */
const doubling: Program = {
  buffers: [{ name: 'x', dtype: 'i32', size: 4, slot: 1, offset: 0 }],
  functions: [],
  kernels: [
    {
      name: 'k0',
      chunks: 4,
      scratch: [],
      body: [
        b.store('x', b.variable('chunk'), b.mul(b.load('x', 'i32', b.variable('chunk')), b.i32(2))),
      ],
      flops: 4,
      bytes: 32,
      origin: 'test',
    },
  ],
  slots: 2,
  arenaBytes: 4096,
}

test('a device recalls what was loaded under a key, and no other', async () => {
  const cacheFolder = fresh()
  const first = await createNativeDevice({ threads: 1, cacheFolder })
  await first.load(doubling, { key: 'doubling' })
  await first.load(doubling)
  await first.close()
  expect(outlines(cacheFolder)).toHaveLength(1)
  const second = await createNativeDevice({ threads: 1, cacheFolder })
  expect(await second.recall!('halving')).toBeUndefined()
  const recalled = (await second.recall!('doubling'))!
  expect(recalled.program).toEqual({
    slots: 2,
    arenaBytes: 4096,
    kernels: [{ flops: 4, bytes: 32 }],
  })
  const slot = second.allocate(16)
  second.write(slot, Int32Array.of(1, 2, 3, 4))
  await second.run(recalled, [slot])
  expect([...second.read(slot, 'i32', 4)]).toEqual([2, 4, 6, 8])
  await second.close()
})

test('what another maker kept is not found', async () => {
  const { found } = await findCompiler()
  const libraries = await LibraryCache.open(fresh(), found!, 'this machine')
  const units = ['int answer(void) { return 42; }']
  const library = await libraries.library({ units, flags: programFlags })
  const kept = { outline: { kernels: [], slots: 1, arenaBytes: 0 }, library }
  const before = new OutlineCache(libraries, ['before'])
  const after = new OutlineCache(libraries, ['after'])
  await before.keep('key', kept)
  expect(await before.find('key')).toEqual(kept)
  expect(await after.find('key')).toBeUndefined()
})

describe('the compiler’s fingerprint', () => {
  const rooms = 'base loop graph gradient interpreter compile render/c device/native tensor'.split(
    ' ',
  )
  const house = () => {
    const root = fresh()
    for (const room of rooms) {
      mkdirSync(join(root, room, 'deep'), { recursive: true })
      writeFileSync(join(root, room, 'deep', 'one.ts'), `// ${room}`)
    }
    const member = join(root, 'device/native', 'deep', 'one.ts')
    return { root, member, of: (before = Infinity) => fingerprintOf(root, member, before) }
  }

  test('is there when the code is, and stays', () => {
    expect(compilerFingerprint()).toMatch(/^[0-9a-f]{64}$/)
    expect(compilerFingerprint()).toBe(compilerFingerprint())
  })

  test.each(rooms)('is another one after a change in %s', async (room) => {
    const { root, of } = house()
    const before = of()
    expect(before).toBeDefined()
    await new Promise((resolve) => setTimeout(resolve, 20))
    // As long as before.
    writeFileSync(join(root, room, 'deep', 'one.ts'), `// ${[...room].reverse().join('')}`)
    expect(of()).not.toBe(before)
  })

  test('is another one with a new file, and without an old one', () => {
    const { root, member, of } = house()
    const before = of()
    copyFileSync(member, join(root, 'compile', 'two.ts'))
    const after = of()
    expect(after).not.toBe(before)
    rmSync(join(root, 'base', 'deep', 'one.ts'))
    expect(of()).not.toBe(after)
  })

  test('is unknown if code changed after the process began, or lies elsewhere', () => {
    const { root, of } = house()
    expect(of(performance.timeOrigin)).toBeUndefined()
    expect(fingerprintOf(root, join(root, 'bundle.js'), Infinity)).toBeUndefined()
  })
})
