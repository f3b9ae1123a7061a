import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pc from 'picocolors'
import sharp from 'sharp'
import { afterAll, describe, expect, test } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { drawCharts } from '../src/cli/terminal/charts.ts'
import { drawConfusion } from '../src/cli/terminal/confusion.ts'
import { drawCurves } from '../src/cli/terminal/curves.ts'
import { logLine } from '../src/cli/terminal/log-line.ts'
import { drawTable } from '../src/cli/terminal/table.ts'
import * as data from '../src/data/index.ts'
import { Canvas, fitText, textWidth } from '../src/plot/canvas.ts'
import { glyphRows } from '../src/plot/font.ts'
import { drawGallery, type GalleryImage, imagesOf } from '../src/plot/gallery.ts'
import { predictionGallery } from '../src/train/gallery.ts'

const folder = mkdtempSync(join(tmpdir(), 'brickwork-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('lines of a server’s log', () => {
  const shown = (entry: object) => logLine(JSON.stringify(entry), pc.createColors(false))
  const time = '2026-01-02T03:04:05.678Z'

  test.each([
    [
      { time, msg: 'request', method: 'POST', path: '/classify', status: 200, ms: 1.25 },
      '03:04:05 200 POST /classify  1.25 ms\n',
    ],
    [
      { time, msg: 'loaded', model: 'lenet', version: '2', ms: 12 },
      '03:04:05 loaded lenet version 2 in 12 ms\n',
    ],
    [
      { time, msg: 'preparing', model: 'lenet', version: '2', batches: [1, 2, 4] },
      '03:04:05 preparing lenet version 2 for batches of 1, 2, 4\n',
    ],
    [
      { time, level: 'error', msg: 'not loaded', version: '3', reason: 'x: expected y' },
      '03:04:05 not loaded version 3 x: expected y\n',
    ],
    [
      { time, level: 'error', msg: 'failed', err: { message: 'a', stack: 'Error: a\n  at b' } },
      '03:04:05 failed Error: a\n  at b\n',
    ],
  ])('%j', (entry, text) => {
    expect(shown(entry)).toBe(text)
  })

  test('what is no JSON stays as it is', () => {
    expect(logLine('hello\n', pc.createColors(false))).toBe('hello\n')
  })
})

describe('curves', () => {
  const train = { label: 'train', values: [2, 1, 0.5, 0.25, 0.125] }
  const validation = { label: 'validation', values: [1.5, 1, 0.75, 0.75, 0.75] }

  test('two curves with axes and legend', () => {
    const options = { title: 'loss', width: 30, height: 6, color: false }
    expect(drawCurves([train, validation], options)).toMatchInlineSnapshot(`
      "     loss   ⠒⠒⠒ train   ⠂⠐⠄ validation
      2.0 ┤⠑⠤⡀
      1.5 ┤⠄⢀⠈⠢⢄
          │   ⠁⠠⠑⡤⡀
      1.0 ┤       ⠈⠑⠓⠴⢄⣂⠠ ⠄⠠ ⠄⠠ ⠄⠠ ⠄⠠ ⠄⠠
      0.5 ┤             ⠉⠑⠒⠢⠤⢄⣀⣀
      0.0 ┤                     ⠉⠉⠉⠒⠒⠒⠒⠤⠤
          └──────────────────────────────
           1      2              4      5 epoch
      "
    `)
  })

  test('one epoch, a flat line, gaps, nothing at all', () => {
    const draw = (values: number[]) =>
      drawCurves([{ label: 'a', values }], { title: 't', width: 20, height: 4, color: false })
    expect(draw([3])).toContain('1 epoch')
    expect(draw([0.5, 0.5, 0.5])).toMatch(/⠤|⠒|⠉|⣀/)
    expect(draw([1, Number.NaN, 3, Number.POSITIVE_INFINITY])).toContain('4 epoch')
    expect(draw([Number.NaN])).toContain('no values')
    expect(draw([])).toContain('no values')
  })

  test('many steps keep to the width', () => {
    const values = Array.from({ length: 2000 }, (_, i) => 1e-4 * Math.sin(i / 100))
    const text = drawCurves([{ label: 'a', values }], {
      title: 't',
      width: 40,
      unit: 'step',
      color: false,
    })
    const plot = text.split('\n').filter((line) => /[┤│]/.test(line))
    expect(plot).toHaveLength(10)
    expect(Math.max(...plot.map((line) => [...line].length))).toBeLessThanOrEqual(40 + 10)
  })

  test('more curves than two are dashed, each its own way, with the legend below if it is long', () => {
    const curves = ['a', 'b', 'c', 'd'].map((label, i) => ({ label, values: [i, i + 1] }))
    const text = drawCurves(curves, { title: 't', width: 40, color: false })
    const [, ...samples] = /t {3}(\S+) a {3}(\S+) b {3}(\S+) c {3}(\S+) d/.exec(text)!
    expect(new Set(samples).size).toBe(4)
    const long = curves.map((curve) => ({ ...curve, label: curve.label.repeat(30) }))
    const head = drawCurves(long, { title: 't', width: 40, color: false }).split('\n').slice(0, 5)
    expect(head.map((line) => line.trim().slice(-1))).toEqual(['t', 'a', 'b', 'c', 'd'])
  })

  test('colours only where asked for', () => {
    const escapeCode = String.fromCodePoint(27)
    expect(drawCurves([train], { title: 'loss', color: true })).toContain(escapeCode)
    expect(drawCurves([train], { title: 'loss', color: false })).not.toContain(escapeCode)
  })
})

describe('tables and charts', () => {
  const columns = [
    { title: 'name', cell: (row: string) => row },
    { title: 'n', align: 'right', cell: (row: string) => `${row.length}` },
    { title: 'last', cell: (row: string) => row.at(-1)! },
  ] as const

  test('columns are as wide as they need, and the last ones go where there is no room', () => {
    expect(drawTable(['ab', 'abcdefghijkl'], columns, 80)).toEqual([
      'name           n  last',
      'ab             2  b',
      'abcdefghijkl  12  l',
    ])
    expect(drawTable(['abc'], columns, 9)).toEqual(['name  n', 'abc   3'])
    expect(drawTable(['abc'], columns, 1)).toEqual(['name', 'abc'])
  })

  test('two charts stand side by side where there is room', () => {
    const chart = (title: string) => ({ title, curves: [{ label: 'x', values: [1, 2, 3] }] })
    const draw = (columns: number) =>
      drawCharts([chart('first'), chart('second')], { columns, color: false })
    expect(draw(120)).toMatch(/first.*second/)
    expect(draw(80)).not.toMatch(/first.*second/)
    const lines = draw(120).split('\n')
    expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(120)
  })
})

describe('confusion matrix', () => {
  test('is drawn as a table', () => {
    const counts = [
      [97, 3, 0],
      [0, 100, 0],
      [0, 0, 0],
    ]
    expect(drawConfusion(counts, ['a', 'b', 'c'], { color: false })).toMatchInlineSnapshot(`
      "     │ predicted
      true │    a    b    c  │   right
      ─────┼─────────────────┼────────
         a │   97    3    ·  │  97.0 %
         b │    ·  100    ·  │ 100.0 %
         c │    ·    ·    ·  │       –
      "
    `)
    expect(
      drawConfusion(counts, ['T-shirt', 'Boot', 'Bag'], { color: false }),
    ).toMatchInlineSnapshot(`
      "          │ predicted
           true │    0    1    2  │   right
      ──────────┼─────────────────┼────────
      0 T-shirt │   97    3    ·  │  97.0 %
      1 Boot    │    ·  100    ·  │ 100.0 %
      2 Bag     │    ·    ·    ·  │       –
      "
    `)
  })
})

describe('gallery', () => {
  const image = (dtype: 'u8' | 'f32', shape: number[]): ArrayView => {
    const length = shape.reduce((a, b) => a * b, 1)
    const data =
      dtype === 'u8' ? new Uint8Array(length).fill(200) : new Float32Array(length).fill(1)
    return { dtype, shape, data } as ArrayView
  }
  const one = (predicted: string, view = image('f32', [1, 8, 8])): GalleryImage => ({
    image: view,
    label: '3',
    predicted,
  })

  /** How many pixels have a colour. */
  async function count(png: Uint8Array, color: readonly number[]): Promise<number> {
    const { data } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
    let found = 0
    for (let i = 0; i < data.length; i += 3) {
      if (color.every((value, c) => data[i + c] === value)) found++
    }
    return found
  }

  test('right ones get a green caption, wrong ones a red one and a red edge', async () => {
    const right = await drawGallery([{ title: 'right', images: [one('3')] }])
    const wrong = await drawGallery([{ title: 'wrong', images: [one('8')] }])
    const green = [26, 127, 55]
    const red = [207, 34, 46]
    expect(await count(right, green)).toBe(4 * glyphBits('3'))
    expect(await count(right, red)).toBe(0)
    expect(await count(wrong, red)).toBeGreaterThan(4 * glyphBits('3→8'))
    expect(await count(wrong, green)).toBe(0)
  })

  const glyphBits = (text: string) =>
    [...text]
      .flatMap(glyphRows)
      .reduce((sum, row) => sum + row.toString(2).replaceAll('0', '').length, 0)

  test('images of other sizes, colours, a title without images', async () => {
    const png = await drawGallery([
      {
        title: 'right',
        images: [one('3', image('u8', [3, 20, 30])), one('3', image('u8', [1, 28, 28]))],
      },
      { title: 'wrong', images: [] },
    ])
    expect(await sharp(png).metadata()).toMatchObject({ format: 'png', channels: 3 })
    expect(await count(png, [200, 200, 200])).toBe(20 * 2 * 30 * 2 + (28 * 3) ** 2)
    expect((await sharp(await drawGallery([])).metadata()).width).toBeGreaterThan(0)
  })

  test('an image that no network has judged has its label, or nothing under it', async () => {
    const { image: view } = one('3')
    const labelled = await drawGallery([{ title: '', images: [{ image: view, label: '3' }] }])
    const bare = await drawGallery([{ title: '', images: [{ image: view }] }])
    const ink = [36, 41, 47]
    expect(await count(labelled, ink)).toBe(4 * glyphBits('3'))
    expect(await count(bare, ink)).toBe(0)
    const height = async (png: Uint8Array) => (await sharp(png).metadata()).height
    expect(await height(bare)).toBeLessThan((await height(labelled))!)
  })

  test('an array of images is images of a gallery, in the same memory', () => {
    const data = Float32Array.from({ length: 8 }, (_, i) => i)
    const [first, second, ...others] = imagesOf({ dtype: 'f32', shape: [2, 1, 2, 2], data })
    expect(others).toEqual([])
    expect(first).toEqual({
      image: { dtype: 'f32', shape: [1, 2, 2], data: Float32Array.of(0, 1, 2, 3) },
    })
    expect(second!.image.data.buffer).toBe(data.buffer)
    expect(() => imagesOf({ dtype: 'f32', shape: [2, 4], data })).toThrow(
      /imagesOf: expected an array \[n, channels, height, width\], got \[2, 4\]/,
    )
  })

  test('predictions of a dataset: wrong ones, then right ones, so many of each', async () => {
    const { test: digits } = await data.digits()
    const two = digits.subset([0, 1])
    const [a, b] = [...two.targets.data]
    const scores = new Float32Array(20)
    scores[a!] = 1
    scores[10 + ((b! + 1) % 10)] = 1
    const view = { dtype: 'f32' as const, shape: [2, 10], data: scores }
    const png = await predictionGallery(two, view)
    expect(png).toEqual(
      await drawGallery([
        {
          title: 'wrong: 1 of 2',
          images: [{ image: two.get(1).input, label: `${b}`, predicted: `${(b! + 1) % 10}` }],
        },
        {
          title: 'right: 1 of 2',
          images: [{ image: two.get(0).input, label: `${a}`, predicted: `${a}` }],
        },
      ]),
    )
    await expect(predictionGallery(digits, view)).rejects.toThrow(
      /scores: expected \[360, classes\] for the examples of digits.test, got \[2, 10\]/,
    )
  })

  test('what is no image is refused', async () => {
    const bad = drawGallery([{ title: 't', images: [one('3', image('f32', [8, 8]))] }])
    await expect(bad).rejects.toThrow(
      'gallery: expected images [1 or 3, height, width], got [8, 8]',
    )
  })

  test('text is cut where there is no room; unknown characters are boxes', () => {
    expect(fitText('Pullover', 2, 1000)).toBe('Pullover')
    expect(fitText('Pullover', 2, textWidth('Pull…', 2))).toBe('Pull…')
    expect(glyphRows('漢')).toEqual([31, 17, 17, 17, 17, 17, 31])
    expect(() => new Canvas(4, 4, [0, 0, 0]).text(-3, -3, 'Wide', 2, [1, 1, 1])).not.toThrow()
  })
})
