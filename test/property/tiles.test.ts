import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tileCosts } from '../../src/compile/tile.ts'
import type { Device } from '../../src/device/device.ts'
import { createNativeDevice } from '../../src/device/native/native.ts'
import { createWasmDevice } from '../../src/device/wasm/device.ts'
import type { Target } from '../../src/loop/target.ts'
import { deviceBackend } from '../../src/tensor/backend-device.ts'
import { plan } from '../../src/tensor/engine.ts'
import { Storage } from '../../src/tensor/storage.ts'
import {
  type Conv,
  conv,
  convGraph,
  type Product,
  product,
  productGraph,
} from './contraction-graphs.ts'
import { type Graph, gradientsOf } from './graph.ts'
import { runs } from './runs.ts'

/** Measured costs choose other tiles, which may cost or save time, and must not change a bit. */

const devices = [
  { name: 'wasm', create: createWasmDevice, graphs: 25 },
  { name: 'native', create: createNativeDevice, graphs: 8 },
] as const

/** The target on a machine where no other tile is worth considering. */
function onlyTile(target: Target, which: number): Target {
  const tiles = tileCosts(target)
  const costOf = (i: number) => (i === which % tiles.length ? 1 : 1000)
  return { ...target, tiles: tiles.map((tile, i) => ({ ...tile, cost: costOf(i) })) }
}

/** The device, with another target. */
const withTarget = (device: Device, target: Target): Device => ({
  name: device.name,
  target,
  threads: device.threads,
  allocate: (bytes) => device.allocate(bytes),
  write: (buffer, data) => device.write(buffer, data),
  read: (buffer, dtype, length) => device.read(buffer, dtype, length),
  load: (program, timed) => device.load(program, timed),
  run: (executable, slots) => device.run(executable, slots),
  close: () => device.close(),
})

/** Outputs and gradients, bit by bit. */
async function bitsOf(graph: Graph, device: Device): Promise<readonly Int32Array[]> {
  const outputs = [...graph.outputs, ...gradientsOf(graph)]
  const { task, storages } = plan(outputs, [], false)
  const own = storages.map((storage) => {
    return new Storage(storage.dtype, storage.size, storage.read().slice())
  })
  const results = outputs.map(({ dtype, shape }) => {
    return new Storage(
      dtype,
      shape.reduce((a, b) => a * b, 1),
    )
  })
  await (await deviceBackend(device).prepare(task)).run(own, results)
  return results.map((storage) => new Int32Array(storage.read().slice().buffer))
}

/** Sums of these round at every step: another order shows. */
const elements = (i: number) => Math.sin(i * 1.7)
/** Small outputs of deep sums, which are split into parts. */
const deep: fc.Arbitrary<Product> = fc.record({
  m: fc.integer({ min: 4, max: 48 }),
  n: fc.integer({ min: 4, max: 48 }),
  k: fc.integer({ min: 400, max: 800 }),
  batch: fc.constant(1),
  turned: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  ending: fc.integer({ min: 0, max: 3 }),
})
const shapes = fc.oneof(
  { weight: 2, arbitrary: fc.oneof(product, deep) },
  { weight: 1, arbitrary: conv },
)
const graphOf = (shape: Product | Conv): Graph =>
  'm' in shape ? productGraph(shape, elements) : convGraph(shape, elements)

describe.each(devices)('$name', ({ create, graphs: count }) => {
  let device: Device
  beforeAll(async () => {
    device = await create({ threads: 2 })
  })
  afterAll(() => device.close())

  test('the same bits with any tile', () =>
    fc.assert(
      fc.asyncProperty(shapes, fc.nat(99), async (shape, which) => {
        const { tiles: _, ...plain } = device.target
        const expected = await bitsOf(graphOf(shape), withTarget(device, plain))
        const got = await bitsOf(graphOf(shape), withTarget(device, onlyTile(plain, which)))
        expect(got).toEqual(expected)
      }),
      runs(count),
    ))
})
