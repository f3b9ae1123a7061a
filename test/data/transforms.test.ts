import { afterAll, describe, expect, test } from 'vitest'
import { brighten, contrastBy, saturate, turnHue } from '../../src/data/images/color.ts'
import { symmetricEigen } from '../../src/data/images/pca.ts'
import { affineProjection, perspectiveProjection, warp } from '../../src/data/images/warp.ts'
import * as data from '../../src/data/index.ts'
import { Sequential } from '../../src/nn/containers/sequential.ts'
import { Linear } from '../../src/nn/linear/linear.ts'
import { Flatten } from '../../src/nn/shape/flatten.ts'
import { currentBackend } from '../../src/tensor/engine.ts'
import { Tensor } from '../../src/tensor/tensor.ts'

afterAll(async () => (await currentBackend()).close())

const t = data.transforms

/** The image of the reference values: x[i] = (37 i mod 101) / 100, 5 × 6. */
const image = view([1, 1, 5, 6], 101)

function view(shape: number[], modulo = 97) {
  const length = shape.reduce((a, b) => a * b, 1)
  return {
    dtype: 'f32' as const,
    shape,
    data: Float32Array.from({ length }, (_, i) => ((i * 37) % modulo) / 100),
  }
}

const close = (got: ArrayLike<number>, wanted: readonly number[], digits = 5) => {
  expect(got.length).toBe(wanted.length)
  for (const [i, value] of wanted.entries()) {
    expect(got[i], `element ${i}`).toBeCloseTo(value, digits)
  }
}

test('apply: bytes become numbers from 0 to 1 first', () => {
  const bytes = { dtype: 'u8' as const, shape: [1, 1, 1, 2], data: Uint8Array.of(51, 255) }
  const { dtype, data: flipped } = t.apply(t.randomHorizontalFlip(1), bytes)
  expect(dtype).toBe('f32')
  close(flipped, [1, 0.2])
})

describe('known values (PyTorch)', () => {
  test('resize: antialiased bilinear and bicubic, nearest', () => {
    const small = (interpolation: 'bilinear' | 'bicubic' | 'nearest') =>
      t.apply(t.resize([3, 4], { interpolation }), image).data
    close(
      small('bilinear'),
      [
        0.224464, 0.63127, 0.380159, 0.516429, 0.53875, 0.509136, 0.532346, 0.385833, 0.636607,
        0.506349, 0.559841, 0.405536,
      ],
    )
    close(
      small('bicubic'),
      [
        0.184253, 0.6747, 0.355167, 0.533056, 0.561824, 0.513362, 0.544235, 0.362077, 0.653915,
        0.4928, 0.568081, 0.391664,
      ],
    )
    close(small('nearest'), [0, 0.37, 0.1, 0.47, 0.2, 0.57, 0.3, 0.67, 0.6, 0.97, 0.7, 0.06])
    const large = t.apply(t.resize([7, 8]), image)
    close(
      large.data.subarray(0, 16),
      [
        0, 0.23125, 0.50875, 0.66, 0.18, 0.33125, 0.60875, 0.84, 0.114286, 0.345536, 0.623036,
        0.774286, 0.294286, 0.445536, 0.506607, 0.377143,
      ],
    )
    expect(t.apply(t.resize(10), image).shape).toEqual([1, 1, 10, 12])
  })

  test('affine and rotation (grid_sample with zeros)', () => {
    const drawn = (projection: Parameters<typeof warp>[3]) => {
      const target = new Float32Array(30)
      warp(
        { n: 1, channels: 1, height: 5, width: 6, data: image.data },
        0,
        target,
        projection,
        'bilinear',
        0,
      )
      return target
    }
    close(
      drawn(affineProjection({ angle: 20, translate: [1, -0.5], scale: 1.2, shear: [5, 3] }, 5, 6)),
      [
        0.0999731, 0.30605, 0.539095, 0.77214, 0.653084, 0.228231, 0.322341, 0.596941, 0.654208,
        0.375379, 0.442124, 0.519122, 0.651886, 0.880844, 0.58071, 0.343923, 0.560661, 0.782649,
        0.536824, 0.338749, 0.450474, 0.634814, 0.450612, 0.231704, 0.0511349, 0.133762, 0.396473,
        0.791164, 0.383121, 0.381797,
      ],
    )
    const turned = [
      0.00886558, 0.316666, 0.128375, 0.548805, 0.162205, 0.0447441, 0.273083, 0.706151, 0.553923,
      0.53701, 0.655411, 0.256154, 0.273927, 0.643613, 0.340371, 0.525215, 0.340373, 0.356074,
      0.269856, 0.682561, 0.530333, 0.51342, 0.631821, 0.283821, 0.166266, 0.670766, 0.569281,
      0.502839, 0.427642, 0.00851437,
    ]
    close(t.apply(t.randomRotation([30, 30]), image).data, turned)
    close(t.apply(t.randomAffine({ degrees: [-30, -30] }), image).data, turned)
  })

  test('perspective: the coefficients, and corners go where they should', () => {
    const from = [
      [0, 0],
      [5, 0],
      [5, 4],
      [0, 4],
    ] as const
    const to = [
      [1, 0.5],
      [4.5, 0],
      [5, 3.5],
      [0.5, 4],
    ] as const
    close(
      perspectiveProjection(from, to)!,
      [
        1.6058729066, 0.2294104152, -1.7205781142, 0.2275751319, 1.5930259234, -1.0240880936,
        0.0224822207, 0.0885524203,
      ],
      8,
    )
    expect(
      perspectiveProjection(from, [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 3],
      ]),
    ).toBeUndefined()
    close(t.apply(t.randomPerspective({ p: 1, distortion: 0 }), image).data, [...image.data])
    expect(t.apply(t.randomPerspective({ p: 1 }), image).data).not.toEqual(image.data)
    expect(t.apply(t.randomPerspective({ p: 0 }), image).data).toEqual(image.data)
  })

  test('blur (a convolution with reflected borders)', () => {
    close(
      t.apply(t.gaussianBlur(3, 0.8), image).data,
      [
        0.272453, 0.465598, 0.594214, 0.436982, 0.450219, 0.506731, 0.376856, 0.512311, 0.57261,
        0.483695, 0.486305, 0.461918, 0.576856, 0.586305, 0.49739, 0.5, 0.502611, 0.420534,
        0.661477, 0.602611, 0.513695, 0.516305, 0.42739, 0.368523, 0.629247, 0.557797, 0.549781,
        0.563018, 0.405787, 0.357547,
      ],
    )
  })

  test("colours: hue as Python's colorsys, the others by their formulas", () => {
    const rgb = (r: number, g: number, b: number) => ({
      r: Float32Array.of(r),
      g: Float32Array.of(g),
      b: Float32Array.of(b),
    })
    const turned = (color: [number, number, number], turn: number) => {
      const own = rgb(...color)
      turnHue(own, turn)
      return [own.r[0]!, own.g[0]!, own.b[0]!]
    }
    close(turned([0.2, 0.5, 0.8], 0.2), [0.62, 0.2, 0.8])
    close(turned([0.2, 0.5, 0.8], -0.4), [0.74, 0.8, 0.2])
    close(turned([0.9, 0.1, 0.3], 0.2), [0.9, 0.86, 0.1])
    close(turned([0.4, 0.4, 0.4], 0.2), [0.4, 0.4, 0.4])
    close(turned([0.1, 0.9, 0.2], -0.4), [0.9, 0.1, 0.32])
    const gray = 0.2989 * 0.2 + 0.587 * 0.5 + 0.114 * 0.8
    const changed = (
      change: (color: ReturnType<typeof rgb>, factor: number) => void,
      factor: number,
    ) => {
      const own = rgb(0.2, 0.5, 0.8)
      change(own, factor)
      return [own.r[0]!, own.g[0]!, own.b[0]!]
    }
    close(changed(brighten, 1.5), [0.3, 0.75, 1])
    // One pixel's brightness is the image's mean.
    for (const change of [contrastBy, saturate]) {
      close(
        changed(change, 0.5),
        [0.2, 0.5, 0.8].map((x) => 0.5 * x + 0.5 * gray),
      )
    }
    const shape = [1, 3, 1, 1]
    const pixel = { dtype: 'f32' as const, shape, data: Float32Array.of(0.2, 0.5, 0.8) }
    close(t.apply(t.grayscale(3), pixel).data, [gray, gray, gray])
  })
})

describe('crops, flips, erasing', () => {
  test('crops cut out what they should', () => {
    close(t.apply(t.centerCrop([1, 2]), image).data, [...image.data.subarray(14, 16)])
    const whole = t.apply(t.randomCrop([5, 6]), image)
    expect(whole.data).toEqual(image.data)
    const padded = t.apply(t.randomCrop([9, 10], { padding: 2, fill: 7 }), image)
    expect(padded.data.filter((x) => x === 7)).toHaveLength(90 - 30)
    expect(padded.data.subarray(2 * 10 + 2, 2 * 10 + 8)).toEqual(image.data.subarray(0, 6))
    expect(t.apply(t.randomResizedCrop([3, 4]), image).shape).toEqual([1, 1, 3, 4])
    close(t.apply(t.randomResizedCrop([5, 6], { scale: [1, 1], ratio: [1.2, 1.2] }), image).data, [
      ...image.data,
    ])
    expect(() => t.apply(t.randomCrop(8), image)).toThrow(
      /randomCrop: expected images of at least 8 × 8, got 5 × 6/,
    )
  })

  test('every place of a random crop comes', () => {
    const seen = new Set<number>()
    for (let epoch = 0; epoch < 200; epoch++) {
      seen.add(t.apply(t.randomCrop([4, 5]), image, { epoch }).data[0]!)
    }
    expect([...seen].sort()).toEqual([0, 1, 6, 7].map((i) => image.data[i]!).sort())
  })

  test('flips mirror, and a second one undoes it', () => {
    const two = view([2, 3, 2, 3])
    const horizontal = t.apply(t.randomHorizontalFlip(1), two)
    expect([...horizontal.data.subarray(0, 3)]).toEqual([...two.data.subarray(0, 3)].reverse())
    const vertical = t.apply(t.randomVerticalFlip(1), two)
    expect(vertical.data.subarray(0, 3)).toEqual(two.data.subarray(3, 6))
    for (const flip of [t.randomHorizontalFlip(1), t.randomVerticalFlip(1)]) {
      expect(t.apply(t.compose(flip, flip), two).data).toEqual(two.data)
    }
    const many = view([400, 1, 1, 2])
    const flipped = t.apply(t.randomHorizontalFlip(0.25), many)
    const count = Array.from(
      { length: 400 },
      (_, i) => flipped.data[2 * i] !== many.data[2 * i],
    ).filter(Boolean).length
    expect(Math.abs(count - 100)).toBeLessThan(4 * Math.sqrt(75))
  })

  test('erasing takes one rectangle of the right share', () => {
    const ones = {
      dtype: 'f32' as const,
      shape: [50, 2, 20, 20],
      data: new Float32Array(50 * 800).fill(1),
    }
    const erased = t.apply(t.randomErasing({ p: 1, scale: [0.1, 0.2], value: 0 }), ones)
    for (let i = 0; i < 50; i++) {
      const own = erased.data.subarray(i * 800, (i + 1) * 800)
      const gone = own.filter((x) => x === 0).length / 800
      expect(gone).toBeGreaterThan(0.06)
      expect(gone).toBeLessThan(0.25)
      expect(own.subarray(0, 400)).toEqual(own.subarray(400))
    }
    expect(t.apply(t.randomErasing({ p: 0 }), ones).data).toEqual(ones.data)
  })
})

describe('noise', () => {
  test('normal noise has its mean and deviation', () => {
    const zeros = { dtype: 'f32' as const, shape: [10, 1, 100, 100], data: new Float32Array(1e5) }
    const { data: noise } = t.apply(t.gaussianNoise(0.2, 1), zeros)
    const mean = noise.reduce((a, b) => a + b, 0) / 1e5
    const variance = noise.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 1e5
    expect(Math.abs(mean - 1)).toBeLessThan(5 * (0.2 / Math.sqrt(1e5)))
    expect(variance).toBeCloseTo(0.04, 3)
  })

  test("AlexNet's colour noise shifts whole images along the axes", () => {
    const pca = {
      values: [2, 1, 0],
      vectors: [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ],
    }
    const black = { dtype: 'f32' as const, shape: [2000, 3, 1, 2], data: new Float32Array(12_000) }
    const { data: shifted } = t.apply(t.pcaNoise(pca, 0.1), black)
    const squares = [0, 0, 0]
    for (let i = 0; i < 2000; i++) {
      for (let c = 0; c < 3; c++) {
        expect(shifted[i * 6 + 2 * c]).toBe(shifted[i * 6 + 2 * c + 1])
        squares[c]! += shifted[i * 6 + 2 * c]! ** 2 / 2000
      }
    }
    expect(Math.sqrt(squares[0]!)).toBeCloseTo(0.2, 2)
    expect(Math.sqrt(squares[1]!)).toBeCloseTo(0.1, 2)
    expect(squares[2]).toBe(0)
  })

  test('the axes of colours', async () => {
    const { values, vectors } = symmetricEigen([
      [2, 1, 0],
      [1, 2, 0],
      [0, 0, 5],
    ])
    close(values, [5, 3, 1], 10)
    close(vectors[1]!.map(Math.abs), [Math.SQRT1_2, Math.SQRT1_2, 0], 10)
    // Colours along (2, 1, 0): the deviation of the first axis is √5 times that of the steps.
    const n = 9
    const pixels = Uint8Array.from(
      { length: 3 * n },
      (_, i) => [20, 10, 0][i % 3]! * Math.floor(i / 3),
    )
    const set = new data.ArrayDataset({
      name: 'line',
      inputs: { dtype: 'u8', shape: [n, 3, 1, 1], data: pixels },
      targets: { dtype: 'i32', shape: [n], data: new Int32Array(n) },
    })
    for (const source of [set, set.map((item) => item)]) {
      const pca = await data.colorPca(source)
      const step = Math.sqrt((n ** 2 - 1) / 12)
      expect(pca.values[0]).toBeCloseTo((step * Math.sqrt(500)) / 255, 6)
      expect(pca.values[1]).toBeCloseTo(0, 6)
      close(pca.vectors[0]!.map(Math.abs), [2 / Math.sqrt(5), 1 / Math.sqrt(5), 0], 6)
    }
  })
})

describe('determinism', () => {
  const transforms = {
    affine: t.randomAffine({
      degrees: 20,
      translate: [0.2, 0.2],
      scale: [0.8, 1.2],
      shear: [[-5, 5], 3],
    }),
    perspective: t.randomPerspective(),
    crop: t.randomResizedCrop(6),
    jitter: t.colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2 }),
    noise: t.gaussianNoise(0.1),
    blur: t.randomApply(t.gaussianBlur(3)),
    all: t.compose(t.randomCrop(8, { padding: 1 }), t.randomHorizontalFlip(), t.randomErasing()),
  }
  test.each(Object.entries(transforms))(
    '%s depends on seed, epoch and number alone',
    (_, transform) => {
      const batch = view([6, 3, 8, 8])
      const together = t.apply(transform, batch, { seed: 3, epoch: 2, indices: [9, 4, 7, 1, 0, 5] })
      expect(t.apply(transform, batch, { seed: 3, epoch: 2, indices: [9, 4, 7, 1, 0, 5] })).toEqual(
        together,
      )
      const one = { ...batch, shape: [1, 3, 8, 8], data: batch.data.slice(2 * 192, 3 * 192) }
      const size = together.data.length / 6
      const alone = t.apply(transform, one, { seed: 3, epoch: 2, indices: [7] })
      expect(alone.data).toEqual(together.data.subarray(2 * size, 3 * size))
      const other = t.apply(transform, batch, { seed: 3, epoch: 3, indices: [9, 4, 7, 1, 0, 5] })
      expect(other.data).not.toEqual(together.data)
      expect(batch).toEqual(view([6, 3, 8, 8]))
    },
  )
})

describe('normalisation', () => {
  const images = () => {
    const pixels = Uint8Array.from({ length: 2 * 8 }, (_, i) => 10 * i)
    return new data.ArrayDataset({
      name: 'images',
      inputs: { dtype: 'u8', shape: [2, 2, 2, 2], data: pixels },
      targets: { dtype: 'i32', shape: [2], data: new Int32Array(2) },
    })
  }

  test('the mean image, in one pass over any dataset, and its subtraction', async () => {
    const set = images()
    const mean = await data.meanImage(set)
    expect(mean.shape).toEqual([2, 2, 2])
    close(
      mean.data,
      [4, 5, 6, 7, 8, 9, 10, 11].map((i) => (10 * i) / 255),
    )
    expect(await data.meanImage(set.map((item) => item))).toEqual(mean)
    let passes = 0
    class Stream extends data.IterableDataset<data.Example> {
      readonly name = 'stream'
      override *iterate() {
        passes++
        yield* [set.get(0), set.get(1)]
      }
    }
    expect(await data.meanImage(new Stream())).toEqual(mean)
    expect(passes).toBe(1)
    const loader = new data.DataLoader(set, { transform: t.subtractMean(mean) })
    for (const [inputs] of loader.batches()) {
      close(
        inputs.data,
        Array.from({ length: 16 }, (_, i) => ((i < 8 ? -1 : 1) * 40) / 255),
      )
    }
    expect(() => t.apply(t.subtractMean(mean), view([1, 1, 2, 2]))).toThrow(
      /subtractMean: expected \[N, 2, 2, 2\], got \[1, 1, 2, 2\]/,
    )
    await expect(
      data.meanImage(
        new Stream().map((item, i) =>
          i ? item : { ...item, input: { ...item.input, shape: [8] } },
        ),
      ),
    ).rejects.toThrow(/meanImage: stream: expected inputs alike: u8 \[8\]/)
  })

  test('the mean image is stored with the model', async () => {
    const mean = await data.meanImage(images())
    const make = (own: typeof mean) =>
      new Sequential(new data.MeanImage(own), new Flatten(), new Linear(8, 1))
    const model = make(mean)
    const other = make({ ...mean, data: new Float32Array(8) })
    expect(Object.keys(model.stateDict())).toContain('0.mean')
    expect(model.parameters()).toHaveLength(2)
    other.loadStateDict(model.stateDict())
    close(await Tensor.prototype.data.call(other.stateDict()['0.mean']!), [...mean.data])
    const x = Tensor.of(
      Float32Array.from({ length: 8 }, (_, i) => i),
      [1, 2, 2, 2],
      'f32',
    )
    close(
      await new data.MeanImage(mean).forward(x).data(),
      [...mean.data].map((m, i) => i - m),
    )
    expect(() => model.forward(x.reshape([1, 8]))).toThrow(
      /MeanImage: expected \[N, 2, 2, 2\], got \[1, 8\]/,
    )
  })

  test('normalize is (x − mean) / std of each channel; the loader does it after a transform', () => {
    close(
      t.apply(t.normalize([0.1, 0.2], 0.5), view([1, 2, 1, 2])).data,
      [0, 0.37, 0.74, 0.14].map((x, i) => (x - [0.1, 0.2][i >> 1]!) / 0.5),
    )
    const options = { normalize: { mean: [0.1, 0.2], std: [0.5, 0.4] } }
    const plain = [...new data.DataLoader(images(), options).batches()][0]!
    const through = [
      ...new data.DataLoader(images(), { ...options, transform: (x) => x }).batches(),
    ][0]!
    close(through[0].data, [...plain[0].data])
  })

  test('streamed statistics are those of arrays', async () => {
    const set = images()
    const { mean, std, scale } = data.statistics(set)
    const streamed = await data.streamStatistics(set.map((item) => item))
    expect(streamed).toEqual({ mean, std, scale })
  })
})

describe('bad input', () => {
  const flat = { dtype: 'f32' as const, shape: [4, 2], data: new Float32Array(8) }
  test.each([
    [
      'no images',
      () => t.apply(t.randomRotation(5), flat),
      /randomRotation: expected images \[n, channels, height, width\], got \[4, 2\]/,
    ],
    [
      'gray for RGB',
      () => t.apply(t.colorJitter({ hue: 0.1 }), image),
      /colorJitter: expected images \[n, 3, height, width\]/,
    ],
    ['a probability', () => t.randomHorizontalFlip(1.5), /p to be a number from 0 to 1, got 1\.5/],
    ['a size', () => t.resize(0), /size to be whole numbers from 1, got 0/],
    ['an even kernel', () => t.gaussianBlur(4), /an odd kernelSize, got 4/],
    [
      'a kernel larger than the image',
      () => t.apply(t.gaussianBlur(13), image),
      /images larger than 6 pixels/,
    ],
    ['hue', () => t.colorJitter({ hue: 0.7 }), /hue to be a number from 0 to 0\.5/],
    ['a scale', () => t.randomAffine({ scale: [0, 1] }), /scale to be a number/],
    [
      'a PCA',
      () => t.pcaNoise({ values: [1], vectors: [[1]] }),
      /await data\.colorPca\(trainSet\)/,
    ],
    ['NaN', () => t.gaussianNoise(Number.NaN), /std to be a number/],
    [
      'a size that changes for some',
      () => t.apply(t.randomApply(t.resize(2), 1), image),
      /randomApply: expected a transform that keeps/,
    ],
  ])('%s is refused', (_, act, message) => {
    expect(act).toThrow(message)
  })
})
