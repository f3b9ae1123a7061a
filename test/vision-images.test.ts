import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { decodeImage } from '../src/data/readers/image.ts'
import { imageFolder } from '../src/data/readers/image-folder.ts'
import {
  imagenetPreprocessing,
  inputShapeOf,
  readPixels,
  resized,
} from '../src/vision/preprocessing.ts'
import { folder, grey, inFolder, plain } from './vision-case.ts'

describe('preprocessing', () => {
  /** A white or black square in the middle of the other. */
  async function square(name: string, ink: number, paper: number): Promise<string> {
    const data = Uint8Array.from({ length: 256 }, (_, i) => {
      const [x, y] = [i % 16, i >> 4]
      return x > 4 && x < 11 && y > 4 && y < 11 ? ink : paper
    })
    await sharp(data, { raw: { width: 16, height: 16, channels: 1 } }).toFile(inFolder(name))
    return inFolder(name)
  }

  test('grey and colour, in the size asked for', async () => {
    const path = await square('a.png', 255, 0)
    const image = await readPixels(path, grey(8))
    expect(image).toMatchObject({ dtype: 'u8', shape: [1, 8, 8] })
    expect([image.data[0], image.data[8 * 4 + 4]! > 250]).toEqual([0, true])
    const color = await readPixels(path, { ...grey(8), size: [3, 5], channels: 'rgb' })
    expect(color.shape).toEqual([3, 3, 5])
  })

  test('planes in the order of the network', async () => {
    const path = await plain('red.png', '#f01000', 4)
    const rgb = { ...grey(1), channels: 'rgb' } as const
    expect([...(await readPixels(path, rgb)).data]).toEqual([0xf0, 0x10, 0])
    expect([...(await readPixels(path, { ...rgb, channels: 'bgr' })).data]).toEqual([0, 0x10, 0xf0])
    const { data } = await readPixels(readFileSync(path), rgb)
    expect([...data]).toEqual([0xf0, 0x10, 0])
  })

  test('dark ink on bright paper is turned around, bright ink stays', async () => {
    const ink = { ...grey(8), ink: true }
    const dark = await readPixels(await square('dark.png', 0, 255), ink)
    const bright = await readPixels(await square('bright.png', 255, 0), ink)
    expect(dark.data[0]).toBe(0)
    for (const [i, value] of dark.data.entries())
      expect(Math.abs(value - bright.data[i]!)).toBeLessThan(4)
    expect((await readPixels(inFolder('dark.png'), grey(8))).data[0]).toBe(255)
  })

  test('the shorter side is resized, and the middle cut out', async () => {
    // Columns 0 … 63 have the brightness 4 · column.
    const data = Uint8Array.from({ length: 64 * 32 }, (_, i) => 4 * (i % 64))
    const path = inFolder('ramp.png')
    await sharp(data, { raw: { width: 64, height: 32, channels: 1 } }).toFile(path)
    const { shape, data: cut } = await readPixels(path, { ...grey(16), resize: 32 })
    expect(shape).toEqual([1, 16, 16])
    expect([...cut.subarray(0, 16)]).toEqual(Array.from({ length: 16 }, (_, x) => 4 * (24 + x)))
    const halved = await readPixels(path, { ...grey(16), resize: 16, interpolation: 'bilinear' })
    expect(Math.abs(halved.data[8]! - 4 * 32)).toBeLessThan(6)
  })

  test('an alpha channel lies on white; pixels are images, too', async () => {
    const path = inFolder('clear.png')
    const background = { r: 0, g: 0, b: 0, alpha: 0 }
    await sharp({ create: { width: 2, height: 2, channels: 4, background } }).toFile(path)
    expect((await readPixels(path, grey(2))).data[0]).toBe(255)
    const pixels = { dtype: 'u8', shape: [3, 1, 1], data: Uint8Array.of(1, 2, 3) } as const
    const { data } = await readPixels(pixels, { ...grey(1), channels: 'rgb' })
    expect([...data]).toEqual([1, 2, 3])
  })

  test('sizes follow each other', () => {
    const half = resized(imagenetPreprocessing(), 112)
    expect([half.size, half.resize, inputShapeOf(half)]).toEqual([[112, 112], 128, [3, 112, 112]])
  })

  test('missing, no image, cut off: an error with the path', async () => {
    writeFileSync(inFolder('text.png'), 'no image')
    const noise = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919) % 251)
    const raw = { width: 64, height: 64, channels: 1 } as const
    const png = await sharp(noise, { raw }).png().toBuffer()
    writeFileSync(inFolder('cut.png'), png.subarray(0, png.length / 2))
    await expect(readPixels(inFolder('none.png'), grey(8))).rejects.toThrow(/no such file/)
    await expect(readPixels(folder, grey(8))).rejects.toThrow(/a folder where a file is needed/)
    for (const path of [inFolder('text.png'), inFolder('cut.png')]) {
      const failed = readPixels(path, grey(8))
      await expect(failed).rejects.toMatchObject({ kind: 'file', where: path })
      await expect(failed).rejects.toThrow(/expected an image .*save it again as PNG/)
    }
  })
})

test('a folder of random parts: the same for a seed and epoch, others in the next', async () => {
  const data = Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 64) * 3)
  mkdirSync(inFolder('crops/a'), { recursive: true })
  await sharp(data, { raw: { width: 64, height: 64, channels: 1 } }).toFile(
    inFolder('crops/a/1.png'),
  )
  const options = { size: 8, channels: 1, randomCrop: { scale: [0.1, 0.3] } } as const
  const images = await imageFolder(inFolder('crops'), options)
  const at = async (epoch: number) => [...(await images.get(0, { seed: 1, epoch })).input.data]
  expect(await at(0)).toEqual(await at(0))
  expect(await at(1)).not.toEqual(await at(0))
  const wide = Math.max(...(await at(0))) - Math.min(...(await at(0)))
  expect([wide > 20, wide < 130]).toEqual([true, true])
  for (const scale of [[2, 1], [0.5, 2], 0.5]) {
    const wrong = imageFolder(inFolder('crops'), { size: 8, randomCrop: { scale: scale as never } })
    await expect(wrong).rejects.toMatchObject({ kind: 'argument' })
  }
})

test('images of impossible sizes are refused before they are decoded', async () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"></svg>'
  writeFileSync(inFolder('bomb.svg'), svg)
  const options = { width: 8, height: 8, channels: 3 } as const
  await expect(decodeImage(inFolder('bomb.svg'), options)).rejects.toThrow(
    /pixel limit. Make it smaller: at most 16 megapixels/,
  )
})
