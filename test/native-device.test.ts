import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import type { DType, TypedArray } from '../src/base/dtype.ts'
import type { Device, DeviceBuffer } from '../src/device/device.ts'
import { defaultCacheFolder, LibraryCache } from '../src/device/native/cache.ts'
import { findCompiler, programFlags } from '../src/device/native/compiler.ts'
import { diagnose } from '../src/device/native/diagnose.ts'
import { machineFrom, threadCount } from '../src/device/native/machine.ts'
import { createNativeDevice } from '../src/device/native/native.ts'
import * as b from '../src/loop/build.ts'
import type { Kernel, Program, Stmt } from '../src/loop/ir.ts'
import { renderC } from '../src/render/c/render.ts'
import { difference, type LoopCase, programs } from './loop-programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-native-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const dtypeOf = (data: TypedArray): DType =>
  data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u8'

async function outcome(device: Device, { program, inputs }: LoopCase): Promise<TypedArray[]> {
  const slots = inputs.map((data) => {
    const buffer = device.allocate(data.byteLength)
    device.write(buffer, data)
    return buffer
  })
  await device.run(await device.load(program), slots)
  return slots.map((slot, i) => device.read(slot, dtypeOf(inputs[i]!), inputs[i]!.length))
}

describe('loop programs', async () => {
  const device = await createNativeDevice({ threads: 2, cacheFolder: folder })
  afterAll(() => device.close())
  for (const lanes of [4, 8, 16]) {
    for (const loopCase of programs(lanes)) {
      test(loopCase.name, async () => {
        expect(difference(loopCase, await outcome(device, loopCase))).toBeUndefined()
      })
    }
  }
})

const chunk = b.variable('chunk')
const zero = b.i32(0)

/** Kernels over one i32 slot of 256 elements. */
function program(kernels: readonly Partial<Kernel>[]): Program {
  return {
    buffers: [{ name: 'x', dtype: 'i32', size: 256, slot: 1, offset: 0 }],
    functions: [],
    kernels: kernels.map((kernel, n) => ({
      name: `k${n}`,
      chunks: 1,
      scratch: [],
      body: [],
      flops: 0,
      bytes: 0,
      origin: 'test',
      ...kernel,
    })),
    slots: 2,
    arenaBytes: 0,
  }
}

const x = (index = zero) => b.load('x', 'i32', index)
/**
 * Kernels that add 1 to all elements, from one half of the slot to the other and back, with the
 * elements moved by 37: wrong if a chunk is lost, done twice, or done before an earlier kernel's.
 */
const counting = (kernels: number): Program =>
  program(
    Array.from({ length: kernels }, (_, n) => {
      const [from, to] = n % 2 ? [128, 0] : [0, 128]
      const source = b.binary('and', b.add(chunk, b.i32(37)), b.i32(127))
      const value = b.add(x(b.add(source, b.i32(from))), b.i32(1))
      const body: Stmt[] = [b.store('x', b.add(chunk, b.i32(to)), value)]
      return { chunks: 128, body }
    }),
  )

afterEach(() => vi.unstubAllEnvs())

describe('runs', () => {
  test.each([1, 2, 3, 8])('no chunk is lost or done twice on %i threads', async (threads) => {
    const device = await createNativeDevice({ threads, cacheFolder: folder })
    const slot = device.allocate(256 * 4)
    device.write(slot, new Int32Array(256))
    const executable = await device.load(counting(40))
    for (let run = 0; run < 50; run++) await device.run(executable, [slot])
    expect([...device.read(slot, 'i32', 128)]).toEqual(new Array(128).fill(2000))
    await device.close()
  })

  test('workers that sleep wake up again', async () => {
    const device = await createNativeDevice({ threads: 3, cacheFolder: folder })
    const slot = device.allocate(256 * 4)
    device.write(slot, new Int32Array(256))
    const executable = await device.load(counting(4))
    for (let run = 0; run < 20; run++) {
      device.run(executable, [slot])
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    expect([...device.read(slot, 'i32', 128)]).toEqual(new Array(128).fill(80))
    await device.close()
  })

  test('a long run leaves the event loop free, and allows no second run', async () => {
    const device = await createNativeDevice({ threads: 1, cacheFolder: folder })
    const slot = device.allocate(256 * 4)
    const body = [
      b.loop('i', zero, b.i32(30_000_000), [
        b.store('x', zero, b.binary('xor', b.mul(x(), b.i32(1664525)), b.variable('i'))),
      ]),
    ]
    const executable = await device.load(program([{ body, flops: 1e9 }]))
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    const run = device.run(executable, [slot])
    expect(run).toBeInstanceOf(Promise)
    expect(() => device.run(executable, [slot])).toThrow('one run at a time')
    await run
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
    expect(device.read(slot, 'i32', 1)[0]).not.toBe(0)
    await device.close()
  })

  test('the arena grows with its programs', async () => {
    const device = await createNativeDevice({ threads: 2, cacheFolder: folder })
    const slot = device.allocate(256 * 4)
    for (const size of [16, 1 << 16, 1 << 22]) {
      const last = b.i32(size - 1)
      const built = program([
        { body: [b.store('a', last, b.i32(size))] },
        { body: [b.store('x', zero, b.load('a', 'i32', last))] },
      ])
      const arena = { name: 'a', dtype: 'i32', size, slot: 0, offset: 0 } as const
      const whole = { ...built, buffers: [...built.buffers, arena], arenaBytes: size * 4 }
      await device.run(await device.load(whole), [slot])
      expect(device.read(slot, 'i32', 1)[0]).toBe(size)
    }
    await device.close()
  })

  test('misuse is named', async () => {
    const device = await createNativeDevice({ threads: 1, cacheFolder: folder })
    const executable = await device.load(counting(1))
    const slot = device.allocate(8)
    expect(() => device.run(executable, [])).toThrow('expected 1 slots, got 0 slots')
    expect(() => device.run(executable, [{ bytes: 4 } as DeviceBuffer])).toThrow('another device')
    expect(() => device.run({ program: executable.program }, [slot])).toThrow('another device')
    expect(() => device.write(slot, new Float32Array(3))).toThrow('got 12 bytes')
    expect(() => device.read(slot, 'f32', 3)).toThrow('got 12 bytes')
    await device.close()
    expect(() => device.run(executable, [slot])).toThrow('closed')
    await device.close()
  })
})

test('memory keeps what is written', async () => {
  const device = await createNativeDevice({ threads: 1, cacheFolder: folder })
  for (const bytes of [1, 63, 64, 1000, 5 << 20]) {
    const buffer = device.allocate(bytes)
    expect(buffer.bytes).toBe(bytes)
    device.write(buffer, new Uint8Array(bytes).fill(7))
    expect(device.read(buffer, 'u8', bytes).every((byte) => byte === 7)).toBe(true)
  }
  await device.close()
})

const large = 40 * 2 ** 20

test('large memory is written and read at any place, and used again once nobody has it', async () => {
  const device = await createNativeDevice({ threads: 1, cacheFolder: folder })
  const data = new Uint8Array(large).map((_, at) => at % 251)
  const addresses = new Set<bigint>()
  for (let round = 0; round < 20; round++) {
    const buffer = device.allocate(large)
    device.write(buffer, data)
    expect(Buffer.compare(device.read(buffer, 'u8', large) as Uint8Array, data)).toBe(0)
    addresses.add((buffer as unknown as { address: bigint }).address)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(addresses.size).toBeLessThan(10)
  await device.close()
})

test.each([0, 3])(
  'what is larger than caches is written past them, from element %i on',
  async (from) => {
    const device = await createNativeDevice({ threads: 2, cacheFolder: folder })
    const { lanes } = device.target
    const [size, each] = [large / 4, 2 ** 16]
    const at = b.add(b.add(b.mul(chunk, b.i32(each)), b.variable('i')), b.i32(from))
    const value = b.unary('toF32', b.ramp(at, lanes))
    const body = [b.loop('i', zero, b.i32(each), [b.store('y', at, value)], { step: lanes })]
    const built = program([{ body, chunks: size / each - 1 }])
    const out = { name: 'y', dtype: 'f32', size, slot: 1, offset: 0 } as const
    const it: Program = { ...built, buffers: [out] }
    expect(renderC(it).join()).toContain(`f32x${lanes}_stream(`)
    const slot = device.allocate(large)
    await device.run(await device.load(it), [slot])
    const written = size - each
    const got = device.read(slot, 'f32', written + from).subarray(from)
    expect(got.every((x, i) => x === i + from)).toBe(true)
    await device.close()
  },
)

describe('the cache', () => {
  const source = (value: number, flags = programFlags) => ({
    units: [`int brick_kernels = ${value};\n`],
    flags,
  })
  const fresh = () => mkdtempSync(join(folder, 'cache-'))
  const open = async (place: string, identity = 'cpu') => {
    const { found } = await findCompiler()
    return LibraryCache.open(place, found!, identity)
  }

  test('is private', async () => {
    const place = fresh()
    chmodSync(place, 0o755)
    await open(place)
    expect(statSync(place).mode & 0o777).toBe(0o700)
    await open(join(place, 'a', 'b'))
    expect(statSync(join(place, 'a', 'b')).mode & 0o777).toBe(0o700)
  })

  test('builds once for each source, flags and machine', async () => {
    const place = fresh()
    const cache = await open(place)
    const first = await cache.library(source(1))
    const { ino } = statSync(first)
    expect(statSync(await (await open(place)).library(source(1))).ino).toBe(ino)
    const others = [
      await cache.library(source(2)),
      await cache.library(source(1, [...programFlags, '-O1'])),
      await (await open(place, 'another cpu')).library(source(1)),
    ]
    expect(new Set([first, ...others]).size).toBe(4)
  })

  test.each([0, 1000])('rebuilds a library cut to %i bytes', async (length) => {
    const cache = await open(fresh())
    const path = await cache.library(source(1))
    const whole = readFileSync(path)
    truncateSync(path, length)
    expect(await cache.library(source(1))).toBe(path)
    expect(readFileSync(path).equals(whole)).toBe(true)
  })

  test('several builders at once leave one whole entry', async () => {
    const place = fresh()
    const caches = await Promise.all([1, 2, 3, 4].map(() => open(place)))
    const paths = await Promise.all(caches.map((cache) => cache.library(source(1))))
    expect(new Set(paths).size).toBe(1)
    expect(readdirSync(place)).toHaveLength(1)
    expect(statSync(paths[0]!).size).toBeGreaterThan(0)
  })

  test('a compile error carries the compiler’s words and the source’s place', async () => {
    const cache = await open(fresh())
    const broken = { units: ['int good;\nint x = oops;\n'], flags: programFlags }
    const error = await cache.library(broken).catch((thrown) => thrown)
    expect(error).toMatchObject({ name: 'BrickError', kind: 'compiler' })
    expect(error.got).toMatch(/unit0\.c:2:9: error: .*oops/)
    const place = /kept in (.*)\. Set CC/.exec(error.remedy)![1]!
    expect(readFileSync(join(place, 'unit0.c'), 'utf8')).toBe(broken.units[0])
  })

  test('a folder that can’t be made is named', async () => {
    await expect(open('/dev/null/cache')).rejects.toMatchObject({
      kind: 'file',
      where: '/dev/null/cache',
    })
  })

  test('a program of several units is one library', async () => {
    const device = await createNativeDevice({ threads: 1, cacheFolder: fresh() })
    const stores = (k: number) =>
      Array.from({ length: 200 }, (_, n) => b.store('x', b.i32(n), b.i32(n * k)))
    const slot = device.allocate(1024)
    await device.run(await device.load(program([1, 2, 3, 4].map((k) => ({ body: stores(k) })))), [
      slot,
    ])
    expect(device.read(slot, 'i32', 200)[199]).toBe(199 * 4)
    await device.close()
  })

  test('is where the user’s caches are', () => {
    vi.stubEnv('BRICKWORK_CACHE', '')
    vi.stubEnv('XDG_CACHE_HOME', '/caches')
    expect(defaultCacheFolder()).toBe('/caches/brickwork')
    vi.stubEnv('BRICKWORK_CACHE', '/own')
    expect(defaultCacheFolder()).toBe('/own')
  })
})

describe('the machine', () => {
  test('widest vectors first', () => {
    const avx512 = ['avx2', 'fma', 'avx512f', 'avx512dq', 'avx512vl', 'avx512bw']
    const lanes = (arch: string, features: string[]) => {
      const { target } = machineFrom(arch, new Set(features))
      return [target.lanes, target.registers, target.fma]
    }
    expect(lanes('x64', avx512)).toEqual([16, 32, true])
    expect(lanes('x64', ['avx2', 'fma'])).toEqual([8, 16, true])
    expect(lanes('x64', ['sse2'])).toEqual([4, 16, false])
    expect(lanes('arm64', [])).toEqual([4, 32, true])
    expect(lanes('riscv64', [])).toEqual([4, 16, false])
  })

  test('threads come from the option, then the environment', () => {
    vi.stubEnv('BRICKWORK_THREADS', '3')
    expect(threadCount(undefined)).toBe(3)
    expect(threadCount(2)).toBe(2)
    vi.stubEnv('BRICKWORK_THREADS', 'many')
    expect(() => threadCount(undefined)).toThrow('BRICKWORK_THREADS: expected a whole number')
    expect(() => threadCount(0)).toThrow('threads: expected a whole number')
  })
})

describe('diagnose', () => {
  test('says what works', async () => {
    expect(await diagnose({ threads: 2, cacheFolder: folder })).toMatchObject({
      ok: true,
      threads: 2,
      cacheFolder: folder,
      version: expect.stringMatching(/\d+\.\d+/),
    })
  })

  test('says what to do without a compiler', async () => {
    vi.stubEnv('CC', 'no-such-compiler')
    const diagnosis = await diagnose({ cacheFolder: folder })
    expect(diagnosis.ok).toBe(false)
    expect(diagnosis.reason).toContain('no-such-compiler')
    expect(diagnosis.remedy).toMatch(/Install/)
    await expect(createNativeDevice({ cacheFolder: folder })).rejects.toMatchObject({
      kind: 'compiler',
      got: expect.stringContaining('no-such-compiler'),
    })
  })
})

test('a compiler that ends well and writes nothing is reported, and leaves no draft', async () => {
  const empty = mkdtempSync(join(tmpdir(), 'brickwork-silent-'))
  const silent = join(empty, 'cc')
  writeFileSync(silent, '#!/bin/sh\necho silent 1.0\n', { mode: 0o755 })
  vi.stubEnv('CC', silent)
  try {
    await expect(createNativeDevice({ cacheFolder: join(empty, 'cache') })).rejects.toThrow(
      /can be kept here/,
    )
    expect(readdirSync(join(empty, 'cache'))).toEqual([])
  } finally {
    vi.unstubAllEnvs()
    rmSync(empty, { recursive: true })
  }
})
