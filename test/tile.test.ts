import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { chooseTile, tileCosts } from '../src/compile/tile.ts'
import { measuredCosts, tileTrial } from '../src/compile/tile-trial.ts'
import { diagnose } from '../src/device/native/diagnose.ts'
import { createNativeDevice } from '../src/device/native/native.ts'
import { TileFile } from '../src/device/native/tile-file.ts'
import { createWasmDevice } from '../src/device/wasm/device.ts'
import { checkProgram } from '../src/loop/spec.ts'
import type { Target } from '../src/loop/target.ts'
import { tuneTiles } from '../src/tensor/tune.ts'

const avx512: Target = { lanes: 16, registers: 32, fma: true, l1: 49152, l2: 1048576 }
const wasm: Target = { lanes: 4, registers: 15, fma: false, l1: 32768, l2: 524288 }

const folder = mkdtempSync(join(tmpdir(), 'brickwork-tiles-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

describe('the choice of a tile', () => {
  test('follows measured costs', () => {
    expect(chooseTile(1000, 1000, avx512, 8).tile).toMatchObject({ rows: 8, vectors: 3 })
    for (const { rows, vectors } of tileCosts(avx512)) {
      const tiles = [{ rows, vectors, cost: 0.1 }]
      const chosen = chooseTile(1000, 1000, { ...avx512, tiles }, 8).tile
      expect(chosen).toEqual({ rows, vectors, lanes: 16 })
    }
  })

  test('takes no tile that the target has no registers for, whatever it costs', () => {
    const tiles = [
      { rows: 8, vectors: 3, cost: 0.1 },
      { rows: 99, vectors: 1, cost: 0.1 },
    ]
    expect(chooseTile(64, 64, { ...wasm, tiles }, 8)).toEqual(chooseTile(64, 64, wasm, 8))
  })
})

describe('measured costs', () => {
  const table = tileCosts(avx512)

  test.each([avx512, wasm])(
    'are the table’s where they are about as it says: $lanes lanes',
    (target) => {
      const table = tileCosts(target)
      const noisy = table.map(({ cost }, i) => 7 * cost * (i % 2 ? 1.02 : 1))
      expect(measuredCosts(table, noisy)).toEqual(table)
    },
  )

  test('as near to the best as noise are the best', () => {
    const times = table.map((_, i) => 1 + (i % 3) / 100)
    for (const [i, { cost }] of measuredCosts(table, times).entries()) {
      expect([1, table[i]!.cost]).toContain(cost)
      if (table[i]!.cost > 1.1) expect(cost).toBe(1)
    }
  })

  test('are relative to the best, and coarse', () => {
    const times = table.map((_, i) => (i === 4 ? 2 : 3.011))
    const costs = measuredCosts(table, times).map(({ cost }) => cost)
    expect(costs[4]).toBe(1)
    expect(costs[0]).toBeCloseTo(1.5, 10)
  })
})

test.each([avx512, wasm])('the trial is a program by the rules: $lanes lanes', (target) => {
  const { program, tiles, multiplyAdds } = tileTrial(target)
  checkProgram(program)
  expect(program.kernels).toHaveLength(tiles.length)
  for (const count of multiplyAdds) expect(count).toBeGreaterThan(1e6)
})

describe('the file of costs', () => {
  const costs = [{ rows: 8, vectors: 3, cost: 1.5 }]

  test('is read by the machine that wrote it alone', async () => {
    const file = new TileFile(folder, ['processor', 'compiler'])
    expect(await file.read()).toBeUndefined()
    await file.write(costs)
    expect(await new TileFile(folder, ['processor', 'compiler']).read()).toEqual(costs)
    const other = new TileFile(folder, ['processor', 'another compiler'])
    expect(await other.read()).toBeUndefined()
    writeFileSync(other.path, readFileSync(file.path))
    expect(await other.read()).toBeUndefined()
  })

  test.each([
    ['cut short', (text: string) => text.slice(0, -20)],
    ['not a list', (text: string) => text.replace(/\[.*\]/s, '7')],
    ['null', () => 'null'],
    ['an entry that is none', (text: string) => text.replace('[', '[null, ')],
    ['a cost that can’t be', (text: string) => text.replace('1.5', '-1')],
    ['rows that can’t be', (text: string) => text.replace('8', '"8"')],
  ])('is ignored if it is damaged: %s', async (_, damage) => {
    const file = new TileFile(folder, ['damaged'])
    await file.write(costs)
    expect(await file.read()).toEqual(costs)
    writeFileSync(file.path, damage(readFileSync(file.path, 'utf8')))
    expect(await file.read()).toBeUndefined()
  })
})

describe('a native device', () => {
  const cacheFolder = join(folder, 'cache')
  const make = () => createNativeDevice({ threads: 1, cacheFolder })
  const targetOf = async () => {
    const device = await make()
    await device.close()
    return device.target
  }

  test('knows what was measured before, unless BRICKWORK_AUTOTUNE is off', async () => {
    const device = await make()
    expect(device.target.tiles).toBeUndefined()
    const tuned = await tuneTiles(device)
    await device.close()
    for (const { gflops, after } of tuned) {
      expect(gflops).toBeGreaterThan(0.1)
      expect(after.cost).toBeGreaterThanOrEqual(1)
    }
    expect((await targetOf()).tiles).toEqual(tuned.map(({ after }) => after))
    expect(await diagnose({ cacheFolder })).toMatchObject({ ok: true, tuned: true })
    vi.stubEnv('BRICKWORK_AUTOTUNE', 'off')
    expect(await diagnose({ cacheFolder })).toMatchObject({ ok: true, tuned: false })
    expect((await targetOf()).tiles).toBeUndefined()
    vi.stubEnv('BRICKWORK_AUTOTUNE', 'of')
    await expect(diagnose({ cacheFolder })).rejects.toThrow('BRICKWORK_AUTOTUNE')
    await expect(make()).rejects.toThrow("BRICKWORK_AUTOTUNE: expected on or off, got 'of'")
  })

  test('does without costs that are damaged', async () => {
    mkdirSync(cacheFolder, { recursive: true })
    const [name] = readdirSync(cacheFolder).filter((file) => file.startsWith('tiles-'))
    writeFileSync(join(cacheFolder, name!), '{')
    expect((await targetOf()).tiles).toBeUndefined()
  })
})

test('tiles can be timed on WebAssembly, which has no place to keep what they cost', async () => {
  const device = await createWasmDevice({ threads: 0 })
  const tuned = await tuneTiles(device)
  await device.close()
  expect(tuned.map(({ before }) => before)).toEqual(tileCosts(device.target))
  expect(device.keepTiles).toBeUndefined()
})
