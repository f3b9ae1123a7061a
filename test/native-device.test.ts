import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { DType, TypedArray } from '../src/base/dtype.ts'
import type { Device } from '../src/device/device.ts'
import { createNativeDevice } from '../src/device/native/native.ts'
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
