import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { TypedArray } from '../src/base/dtype.ts'
import type { Device, DeviceBuffer } from '../src/device/device.ts'
import { Allocator } from '../src/device/wasm/allocator.ts'
import { createWasmDevice, diagnose } from '../src/device/wasm/device.ts'
import * as b from '../src/loop/build.ts'
import type { Kernel, Program, Stmt } from '../src/loop/ir.ts'
import { difference, programs } from './loop-programs.ts'

const devices: Device[] = []
async function open(threads: number): Promise<Device> {
  const device = await createWasmDevice({ threads })
  devices.push(device)
  return device
}
afterAll(() => Promise.all(devices.map((device) => device.close())))

const shared: Promise<Device>[] = []
for (const threads of [0, 1, 2]) {
  describe(`conformance, ${threads} workers`, () => {
    for (const isLong of [false, true]) {
      for (const loopCase of programs(4)) {
        test(`${loopCase.name}${isLong ? ', as a long run' : ''}`, async () => {
          shared[threads] ??= open(threads)
          const device = await shared[threads]
          const slots = loopCase.inputs.map((data) => bufferOf(device, data))
          const program = isLong ? lengthened(loopCase.program) : loopCase.program
          const executable = await device.load(program)
          for (let repeat = 0; repeat < 2; repeat++) {
            loopCase.inputs.forEach((data, i) => {
              device.write(slots[i]!, data)
            })
            const done = device.run(executable, slots)
            expect(done === undefined).toBe(!isLong)
            await done
            const after = loopCase.inputs.map((data, i) => readLike(device, slots[i]!, data))
            expect(difference(loopCase, after)).toBeUndefined()
          }
        })
      }
    }
  })
}

describe('long runs', () => {
  for (const threads of [0, 2]) {
    test(`the event loop goes on, ${threads} workers`, async () => {
      const device = await open(threads)
      const executable = await device.load(busyProgram(64, 4_000_000))
      const out = device.allocate(64 * 4)
      let ticks = 0
      const timer = setInterval(() => ticks++, 5)
      const start = performance.now()
      await device.run(executable, [out])
      const ms = performance.now() - start
      clearInterval(timer)
      expect(ms).toBeGreaterThan(50)
      expect(ticks).toBeGreaterThan(ms / 5 / 8)
    })
  }

  test('a trap rejects the run and leaves the device usable', async () => {
    const device = await open(2)
    const zero = b.binary('div', b.variable('chunk'), b.load('out', 'i32', b.i32(0)))
    const bad = programOf([b.store('out', b.variable('chunk'), zero)], 8, 8, 'i32')
    const out = device.allocate(32)
    await expect(device.run(await device.load(lengthened(bad)), [out])).rejects.toThrow(
      /the origin/,
    )
    const short = await device.load(bad)
    expect(() => device.run(short, [out])).toThrow(/divide by zero|division/i)
    const good = await device.load(busyProgram(8, 10))
    for (let i = 0; i < 20; i++) await device.run(good, [out])
    expect([...device.read(out, 'f32', 2)]).toEqual([10, 10])
  })

  test('errors name what was wrong', async () => {
    const device = await open(1)
    expect(() => device.write(device.allocate(4), new Float32Array(2))).toThrow('8 bytes')
    expect(() => device.read({ bytes: 4 }, 'f32', 1)).toThrow('another device')
    expect(() => device.allocate(2 ** 33)).toThrow(/wasm memory: expected at most/)
    await expect(createWasmDevice({ threads: 1.5 })).rejects.toThrow('whole number')
    await device.close()
    await expect(device.load(busyProgram(1, 1))).rejects.toThrow('close()')
  })
})

test('memory stays flat', async () => {
  const device = await open(1)
  const executable = await device.load(busyProgram(8, 1))
  const before = process.memoryUsage().rss
  const ones = new Uint8Array(2 ** 20).fill(1)
  for (let i = 0; i < 10_000; i++) {
    const buffer = device.allocate(2 ** 20)
    if (i % 100 === 0) device.write(buffer, ones)
    await device.run(executable, [buffer])
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(700 * 2 ** 20)
})

test('a loop of short runs lets timers fire', async () => {
  const device = await open(0)
  const executable = await device.load(busyProgram(1, 100_000))
  const out = device.allocate(4)
  let ticks = 0
  const timer = setInterval(() => ticks++, 5)
  const start = performance.now()
  while (performance.now() - start < 400) await device.run(executable, [out])
  clearInterval(timer)
  expect(ticks).toBeGreaterThan(0)
})

test('equal programs are compiled once', async () => {
  const device = await open(1)
  const [one, two] = [await device.load(busyProgram(3, 5)), await device.load(busyProgram(3, 5))]
  expect((one as unknown as Loaded).loaded).toBe((two as unknown as Loaded).loaded)
})
interface Loaded {
  readonly loaded: object
}

test('the diagnosis says what this engine has', () => {
  const found = diagnose({ threads: 3 })
  expect(found).toMatchObject({ ok: true, threads: 3, shared: true })
  expect(found.simd === 'relaxed').toBe(found.reason === undefined)
})

describe('allocator', () => {
  const actions = fc.array(fc.tuple(fc.boolean(), fc.nat(100_000)), { maxLength: 200 })

  test('blocks are aligned and never overlap; what is given back joins again', () => {
    fc.assert(
      fc.property(actions, (list) => {
        const [start, most] = [1024, 2 ** 20]
        let end = 8192
        const allocator = new Allocator(start, end, (bytes) => {
          const wanted = end + Math.ceil(bytes / 4096) * 4096
          if (wanted > most) return undefined
          end = wanted
          return end
        })
        const live: { address: number; bytes: number }[] = []
        for (const [isTake, n] of list) {
          if (isTake) {
            const address = allocator.take(n)
            if (address === undefined) continue
            expect(address % 64).toBe(0)
            expect(address >= start && address + n <= end).toBe(true)
            for (const it of live) {
              expect(address + n <= it.address || it.address + it.bytes <= address).toBe(true)
            }
            live.push({ address, bytes: Math.max(n, 1) })
          } else if (live.length > 0) {
            allocator.give(live.splice(n % live.length, 1)[0]!.address)
          }
        }
        for (const { address } of live) allocator.give(address)
        expect(allocator.used).toBe(0)
        expect(allocator.take(end - start)).toBe(start)
      }),
    )
  })

  test('a full range is refused, and served again after a release', () => {
    const allocator = new Allocator(64, 64 + 1024, () => undefined)
    const whole = allocator.take(1024)!
    expect(allocator.take(1)).toBeUndefined()
    allocator.give(whole)
    expect(allocator.take(1000)).toBe(whole)
  })
})

function bufferOf(device: Device, data: TypedArray): DeviceBuffer {
  return device.allocate(Math.max(1, data.byteLength))
}

function readLike(device: Device, buffer: DeviceBuffer, data: TypedArray): TypedArray {
  const dtype = data instanceof Float32Array ? 'f32' : data instanceof Int32Array ? 'i32' : 'u8'
  return device.read(buffer, dtype, data.length)
}

/** The same program with estimates that send it to the workers. */
function lengthened(program: Program): Program {
  return { ...program, kernels: program.kernels.map((kernel) => ({ ...kernel, flops: 1e9 })) }
}

function programOf(
  body: readonly Stmt[],
  chunks: number,
  size: number,
  dtype: 'f32' | 'i32' = 'f32',
): Program {
  const kernel: Kernel = {
    name: 'k',
    chunks,
    scratch: [],
    body,
    flops: 0,
    bytes: 0,
    origin: 'the origin',
  }
  return {
    buffers: [{ name: 'out', dtype, size, slot: 1, offset: 0 }],
    functions: [],
    kernels: [kernel],
    slots: 2,
    arenaBytes: 0,
  }
}

/** out[chunk] = count, counted up one by one. */
function busyProgram(chunks: number, count: number): Program {
  const body = [
    b.register('sum', b.f32(0)),
    b.loop('i', b.i32(0), b.i32(count), [b.set('sum', b.add(b.variable('sum', 'f32'), b.f32(1)))]),
    b.store('out', b.variable('chunk'), b.variable('sum', 'f32')),
  ]
  const program = programOf(body, chunks, chunks)
  const flops = chunks * count
  return { ...program, kernels: program.kernels.map((kernel) => ({ ...kernel, flops })) }
}
