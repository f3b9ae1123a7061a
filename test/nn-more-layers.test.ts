import { beforeAll, describe, expect, test } from 'vitest'
import { topological } from '../src/graph/node.ts'
import {
  BrickError,
  conv2d,
  convolve,
  createBackend,
  embedding,
  grad,
  manualSeed,
  maxPool2dWithIndices,
  maxUnpool2d,
  nn,
  ones,
  randn,
  type Tensor,
  tensor,
  useBackend,
  variable,
  where,
  zeros,
} from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const values = async (x: Tensor): Promise<number[]> => [...(await x.data())]
const i32 = (list: number[]) => tensor(list, { dtype: 'i32' })

test.each([
  [() => new nn.Embedding(0, 2), /numEmbeddings = 0/],
  [() => new nn.Embedding(3, 2, { paddingIdx: 3 }), /paddingIdx = 3/],
  [
    () => new nn.Embedding(3, 2).forward(zeros([2])),
    /Embedding: embedding: expected positions as i32/,
  ],
  [() => new nn.Embedding(3, 2).forward(i32([0, 3])), /expected 0 … 2, got row 3 at position 1/],
  [() => embedding(i32([0]), zeros([3])), /\[count, size\]/],
  [() => new nn.Bilinear(2, 3, 1).forward(zeros([4, 2]), zeros([5, 3])), /of one batch/],
  [() => new nn.Bilinear(2, 3, 0), /outFeatures = 0/],
  [() => new nn.ConvTranspose2d(2, 2, 3, { stride: 2, outputPadding: 2 }), /outputPadding = 2,2/],
  [() => new nn.ConvTranspose2d(2, 3, 3, { groups: 2 }), /groups that divide both/],
  [() => new nn.ConvTranspose2d(2, 3, 3).forward(zeros([1, 3, 4, 4])), /2 input channels, got 3/],
  [() => new nn.ConvTranspose1d(2, 3, 3).forward(zeros([2, 4])), /\[N, C, L\]/],
  [() => new nn.Conv2d(1, 1, 3, { paddingMode: 'mirror' as 'reflect' }), /paddingMode = 'mirror'/],
  [() => nn.pad(zeros([2, 2]), [1]), /pad: expected whole numbers, two for each/],
  [() => nn.pad(zeros([2]), [1, 1, 1, 1]), /of ≤ 1 dims/],
  [() => nn.pad(zeros([1, 3]), [3, 0], { mode: 'reflect' }), /pad \(reflect\): expected at most 2/],
  [() => new nn.ReflectionPad2d([1, 2]), /padding = \[1,2\]/],
  [() => new nn.ZeroPad1d(1).forward(zeros([2, 2])), /ZeroPad1d: expected \[N, C, L\]/],
  [() => new nn.AdaptiveMaxPool2d(0).forward(zeros([1, 1, 2, 2])), /sizes ≥ 1/],
  [() => new nn.AdaptiveAvgPool1d(2).forward(zeros([1, 2])), /\[N, C, L\]/],
  [() => nn.globalAvgPool(zeros([2, 3])), /with spatial dims/],
  [() => maxUnpool2d(zeros([1, 1, 2, 2]), zeros([1, 1, 2], 'i32'), 2), /equal shapes of 4 dims/],
  [() => new nn.GroupNorm(3, 4), /groups that divide 4 channels/],
  [() => new nn.LayerNorm([]), /sizes of the last dims/],
  [() => new nn.LayerNorm(3).forward(zeros([2, 4])), /LayerNorm: layerNorm: .*ends in \[3\]/],
  [() => new nn.RMSNorm([2, 3]).forward(zeros([3])), /rmsNorm: .*ends in \[2, 3\]/],
  [() => new nn.InstanceNorm2d(3).forward(zeros([2, 3, 4])), /\[N, C, H, W\]/],
  [() => new nn.Dropout2d(-1), /Dropout2d: .*p = -1/],
  [() => new nn.Dropout2d().forward(zeros([2, 3])), /2 spatial dims/],
  [() => new nn.GaussianNoise(-1), /std = -1/],
  [() => nn.gaussianNoise(zeros([1]), Number.NaN), /std = NaN/],
  [() => nn.alphaDropout(zeros([1]), 2), /p = 2/],
  [() => nn.prelu(zeros([2, 3]), zeros([2])), /2 slopes for \[2, 3\]/],
  [() => nn.glu(zeros([2, 3])), /an even extent in dim -1/],
  [() => new nn.Maxout(2, 2, 0), /pieces = 0/],
  [() => new nn.Unflatten(1, [2, 2]).forward(zeros([1, 5])), /reshape/],
  [() => new nn.Upsample({}), /either size or scaleFactor/],
  [() => nn.pixelShuffle(zeros([1, 3, 2, 2]), 2), /channels that 4 divides/],
  [() => nn.pixelUnshuffle(zeros([1, 3, 3, 2]), 2), /H and W that 2 divides/],
  [() => convolve(zeros([1, 2, 3]), zeros([1, 2])), /of 1 to 3 spatial dims/],
  [() => convolve(zeros([1, 1, 3]), zeros([1, 1, 2]), { mode: 'half' as 'full' }), /mode = 'half'/],
  [() => nn.gaussianFilter(3, 0), /sigma = 0/],
  [() => nn.gaborFilters(2.5), /size = 2.5/],
  [() => new nn.Sobel({ channels: 2 }).forward(zeros([1, 3, 4, 4])), /\[N, 2, H, W\]/],
  [() => new nn.FixedFilter2d(zeros([2, 2, 3, 3])), /filters \[K, 1, R, S\]/],
  [() => new nn.MultiheadAttention(6, 4), /heads that divide embedDim = 6/],
  [() => new nn.MultiheadAttention(4, 2, { dropout: 2 }), /dropout = 2/],
  [
    () => new nn.MultiheadAttention(4, 2).forward(zeros([3, 4]), zeros([1, 3, 4]), zeros([3, 4])),
    /or \[L, E\]/,
  ],
  [
    () =>
      new nn.MultiheadAttention(4, 2).forward(ones([3, 1, 4]), ones([3, 1, 4]), ones([3, 1, 4]), {
        keyPaddingMask: zeros([2, 3], 'bool'),
      }),
    /a keyPaddingMask \[1, keys\], got \[2, 3\]/,
  ],
  [
    () =>
      new nn.MultiheadAttention(4, 2).forward(ones([3, 1, 4]), ones([3, 1, 4]), ones([3, 1, 4]), {
        attnMask: zeros([1, 3, 3]),
      }),
    /an attnMask \[L, S\] or \[2, L, S\]/,
  ],
  [() => nn.scaledDotProductAttention(ones([2, 3]), ones([2, 4]), ones([2, 4])), /q \[…, L, E\]/],
  [
    () =>
      nn.scaledDotProductAttention(ones([2, 3]), ones([2, 3]), ones([2, 3]), {
        mask: zeros([2, 2], 'i32'),
      }),
    /expected bool .* got a mask i32 \[2, 2\]/,
  ],
  [() => nn.sinusoidalPositions(3, 5), /an even size/],
  [() => new nn.SinusoidalPositionalEncoding(3, 4).forward(zeros([4, 1, 4])), /L ≤ 3, E = 4/],
  [() => new nn.TransformerEncoder(() => new nn.TransformerEncoderLayer(4, 2), 0), /numLayers = 0/],
  [() => nn.focal(zeros([2]), zeros([3])), /focal: .*one shape/],
  [() => nn.focal(zeros([2]), zeros([2]), { gamma: -1 }), /gamma = -1/],
  [() => nn.infoNce(zeros([2, 3]), zeros([3, 3])), /queries and keys \[N, D\]/],
  [() => nn.infoNce(zeros([2, 3]), zeros([2, 3]), { temperature: 0 }), /temperature = 0/],
  [() => nn.negativeSampling(zeros([2, 3]), zeros([2, 3]), zeros([2, 3])), /negatives \[N, K, D\]/],
  [() => nn.gaussianKl(zeros([2]), zeros([1])), /gaussianKl: .*one shape/],
  [() => nn.reparameterize(zeros([2]), zeros([1])), /reparameterize: .*one shape/],
] as const)('refuses bad options and inputs (%#)', (body, message) => {
  expect(body).toThrow(BrickError)
  expect(body).toThrow(message)
})

describe('embedding', () => {
  test('a padding row begins as zeros, is read, and has no gradient', async () => {
    const layer = new nn.Embedding(4, 2, { paddingIdx: -1 })
    expect(layer.paddingIdx).toBe(3)
    expect((await values(layer.weight)).slice(6)).toEqual([0, 0])
    layer.weight.assign(ones([4, 2]))
    const y = layer.forward(i32([0, 3, 0]))
    expect(await values(y)).toEqual(new Array(6).fill(1))
    expect(await values(grad(y.sum(), [layer.weight])[0]!)).toEqual([2, 2, 0, 0, 0, 0, 0, 0])
  })

  test('a given table is frozen unless told otherwise', () => {
    const table = ones([3, 2])
    expect(nn.Embedding.fromPretrained(table).weight.requiresGrad).toBe(false)
    expect(nn.Embedding.fromPretrained(table, { freeze: false }).weight.requiresGrad).toBe(true)
  })
})

describe('convolution and fixed filters', () => {
  test('convolve flips the kernel: modes as in NumPy', async () => {
    const [x, w] = [tensor([[[1, 2, 3, 4]]]), tensor([[[1, 0, -2, 5]]])]
    // numpy.convolve([1, 2, 3, 4], [1, 0, -2, 5], mode)
    expect(await values(convolve(x, w, { mode: 'full' }))).toEqual([1, 2, 1, 5, 4, 7, 20])
    expect(await values(convolve(x, w, { mode: 'same' }))).toEqual([2, 1, 5, 4])
    expect(await values(convolve(x, w))).toEqual([5])
    const [image, kernel] = [randn([1, 2, 5, 6]), randn([4, 1, 2, 3])]
    const options = { stride: 2, groups: 2 }
    expect(await values(convolve(image, kernel, options))).toEqual(
      await values(conv2d(image, kernel.flip([2, 3]), undefined, options)),
    )
    expect(convolve(zeros([1, 1, 3, 3, 3]), ones([2, 1, 2, 2, 2])).shape).toEqual([1, 2, 2, 2, 2])
  })

  test('Sobel finds the direction in which brightness grows', async () => {
    const ramp = tensor([
      [
        [
          [0, 1, 2, 3],
          [0, 1, 2, 3],
          [0, 1, 2, 3],
        ],
      ],
    ])
    const [right, down] = await values(new nn.Sobel().forward(ramp).slice(0, [], 1, 1))
    expect([right, down]).toEqual([8, 0])
    expect(await values(new nn.Sobel().forward(ramp.transpose()).slice(0, [], 1, 1))).toEqual([
      0, 8,
    ])
  })

  test('a Gaussian sums to 1 and leaves even brightness alone', async () => {
    const filter = nn.gaussianFilter(5, 1.2)
    expect(await filter.sum().item()).toBeCloseTo(1, 6)
    const [a, , centre] = await values(filter.slice(0, 0, 2))
    expect(a! / centre!).toBeCloseTo(Math.exp(-4 / (2 * 1.44)), 5)
    const blurred = await values(
      new nn.GaussianBlur(4, 1, { channels: 2 }).forward(ones([1, 2, 3, 3])),
    )
    for (const v of blurred) expect(v).toBeCloseTo(1, 5)
  })

  test('Gabor filters answer most to waves of their own direction', async () => {
    const options = { orientations: 4, wavelength: 4, sigma: 2 }
    const wave = (theta: number) =>
      tensor(
        Array.from({ length: 11 }, (_, y) =>
          Array.from({ length: 11 }, (_, x) =>
            Math.cos((2 * Math.PI * ((x - 5) * Math.cos(theta) + (y - 5) * Math.sin(theta))) / 4),
          ),
        ),
      ).reshape([1, 1, 11, 11])
    for (let i = 0; i < 4; i++) {
      const answers = new nn.Gabor(11, options).forward(wave((i * Math.PI) / 4)).slice(0, [], 5, 5)
      expect(await answers.argmax().item()).toBe(i)
    }
    expect(nn.gaborFilters(5, { thetas: [0.3] }).shape).toEqual([1, 1, 5, 5])
  })

  test('fixed filters are saved but not trained', () => {
    const layer = new nn.Sobel({ channels: 3, stride: 2 })
    expect(layer.parameters()).toEqual([])
    expect(Object.keys(layer.stateDict())).toEqual(['weight'])
    const x = variable(zeros([1, 3, 6, 6]), true)
    expect(layer.forward(x).shape).toEqual([1, 6, 3, 3])
    expect(grad(layer.forward(x).sum(), [x])[0]!.shape).toEqual(x.shape)
  })
})

describe('pools', () => {
  test('unpooling puts maxima back, once where windows overlap; gradients go the same way', async () => {
    const x = tensor([
      [
        [
          [1, 2, 3],
          [4, 9, 6],
          [7, 8, 5],
        ],
      ],
    ])
    const [y, at] = maxPool2dWithIndices(x, 2, { stride: 1 })
    expect(await values(y)).toEqual([9, 9, 9, 9])
    expect(await values(at)).toEqual([4, 4, 4, 4])
    const back = variable(y, true)
    const plane = maxUnpool2d(back, at, 2, { stride: 1 })
    expect(await values(plane)).toEqual([0, 0, 0, 0, 9, 0, 0, 0, 0])
    expect(await values(grad(plane.sum(), [back])[0]!)).toEqual([0.25, 0.25, 0.25, 0.25])
  })

  test('an output size chooses among those that pool alike', async () => {
    const layer = new nn.MaxPool2d(2, { returnIndices: true })
    const [y, at] = layer.forward(
      tensor([
        [
          [
            [1, 2, 3],
            [4, 5, 6],
            [7, 8, 9],
          ],
        ],
      ]),
    )
    const plane = new nn.MaxUnpool2d(2).forward(y, at, [3, 3])
    expect(await values(plane)).toEqual([0, 0, 0, 0, 5, 0, 0, 0, 0])
  })

  test('global pools', async () => {
    const x = tensor([[[1, 2, 6]], [[0, -3, -3]]])
    expect(await values(new nn.GlobalAvgPool().forward(x))).toEqual([3, -2])
    expect(await values(new nn.GlobalMaxPool().forward(x))).toEqual([6, 0])
    expect(new nn.GlobalMaxPool({ keepDim: true }).forward(zeros([2, 3, 4, 5])).shape).toEqual([
      2, 3, 1, 1,
    ])
  })
})

describe('noise', () => {
  const statistics = async (x: Tensor) => [await x.mean().item(), await x.std().item()] as const

  test('channels are dropped whole', async () => {
    manualSeed(1)
    for (const [layer, shape] of [
      [new nn.Dropout1d(0.5), [100, 10, 3]],
      [new nn.Dropout2d(0.5), [100, 10, 3, 2]],
      [new nn.Dropout3d(0.5), [100, 10, 3, 2, 2]],
    ] as const) {
      const means = await values(nn.globalAvgPool(layer.forward(ones(shape))))
      expect(new Set(means)).toEqual(new Set([0, 2]))
      expect(means.filter((v) => v === 0).length / 1000).toBeCloseTo(0.5, 1)
      const x = ones(shape)
      expect(layer.eval().forward(x)).toBe(x)
    }
  })

  test('alpha dropout keeps mean 0 and variance 1', async () => {
    manualSeed(2)
    const [mean, std] = await statistics(new nn.AlphaDropout(0.3).forward(randn([200, 100])))
    expect(mean).toBeCloseTo(0, 1)
    expect(std).toBeCloseTo(1, 1)
    expect(
      await nn
        .alphaDropout(ones([3]), 1)
        .sum()
        .item(),
    ).toBe(0)
  })

  test('Gaussian noise in training alone', async () => {
    manualSeed(3)
    const layer = new nn.GaussianNoise(0.5)
    const [mean, std] = await statistics(layer.forward(ones([100, 100])))
    expect(mean).toBeCloseTo(1, 1)
    expect(std).toBeCloseTo(0.5, 1)
    const x = ones([2])
    expect(layer.eval().forward(x)).toBe(x)
  })

  test('a reparameterised draw has the mean and variance asked for, and passes gradients', async () => {
    manualSeed(4)
    const [mean, logVar] = [
      variable(ones([10000]).mul(3), true),
      variable(zeros([10000]).add(Math.log(4)), true),
    ]
    const z = nn.reparameterize(mean, logVar)
    const [m, s] = await statistics(z)
    expect(m).toBeCloseTo(3, 0)
    expect(s / 2).toBeCloseTo(1, 1)
    const [dMean, dLogVar] = grad(z.sum(), [mean, logVar])
    expect(await dMean!.mean().item()).toBe(1)
    // ∂z/∂logVar = (z − mean) / 2.
    expect(await dLogVar!.sub(z.sub(mean).mul(0.5)).abs().max().item()).toBeLessThan(1e-5)
  })
})

test('positions are added along the sequence', async () => {
  const wave = nn.sinusoidalPositions(4, 6)
  const layer = new nn.SinusoidalPositionalEncoding(4, 6)
  expect(await values(layer.forward(zeros([3, 2, 6])).slice([], 1))).toEqual(
    await values(wave.slice([0, 3])),
  )
  const first = new nn.SinusoidalPositionalEncoding(4, 6, { batchFirst: true })
  expect(await values(first.forward(zeros([2, 3, 6])).slice(1))).toEqual(
    await values(wave.slice([0, 3])),
  )
  const [, value] = await values(wave.slice([], 3))
  expect(value).toBeCloseTo(Math.cos(1 / 10000 ** (2 / 6)), 6)
  const learned = new nn.LearnedPositionalEncoding(4, 6, { dropout: 0.5 })
  expect(Object.keys(learned.namedParameters())).toEqual(['weight'])
  expect(learned.forward(zeros([3, 6])).shape).toEqual([3, 6])
  expect(layer.parameters()).toEqual([])
})

test('a transformer with causal masks does not see what comes later', async () => {
  const layer = () => new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8, dropout: 0 })
  const model = new nn.TransformerEncoder(layer, 2).eval()
  const x = randn([5, 1, 4])
  const changed = x.add(tensor([0, 0, 0, 1, 1]).reshape([5, 1, 1]))
  const [a, b] = [x, changed].map((t) => model.forward(t, { isCausal: true }))
  const difference = await values(a!.sub(b!).abs().max([1, 2]))
  expect(difference.slice(0, 3)).toEqual([0, 0, 0])
  expect(difference[3]).toBeGreaterThan(1e-3)
  expect(model.layers[0]!.linear1.weight).not.toBe(model.layers[1]!.linear1.weight)
})

test('ELBO parts agree with their closed forms', async () => {
  expect(await nn.gaussianKl(zeros([3]), zeros([3])).item()).toBe(0)
  const far = await nn.gaussianKl(tensor([1, -2]), tensor([0.5, -1]), { reduction: 'none' }).data()
  expect(far[0]).toBeCloseTo(0.5 * (1 + Math.exp(0.5) - 1 - 0.5), 5)
  expect(far[1]).toBeCloseTo(0.5 * (4 + Math.exp(-1) - 1 + 1), 5)
  const x = tensor([1])
  expect(await nn.bernoulliLogLikelihood(x, tensor([2])).item()).toBeCloseTo(
    -Math.log1p(Math.exp(-2)),
    5,
  )
  expect(await nn.bernoulliLogLikelihood(x, tensor([-1000])).item()).toBeCloseTo(-1000, 2)
})

test('in training, dropout of attention and of layers draws; in evaluation they are still', async () => {
  manualSeed(5)
  const layer = new nn.TransformerDecoderLayer(4, 2, { dimFeedforward: 8, dropout: 0.5 })
  const [x, memory] = [randn([3, 1, 4]), randn([2, 1, 4])]
  const run = () => values(layer.forward(x, memory))
  expect(await run()).not.toEqual(await run())
  layer.eval()
  expect(await run()).toEqual(await run())
})

describe('attention to many keys', () => {
  const [q, k, v] = [randn([2, 1, 5, 4]), randn([3, 600, 4]), randn([2, 3, 600, 2])]
  const inputs = [q, k, v].map((t) => variable(t, true)) as [Tensor, Tensor, Tensor]
  const bits = randn([5, 600]).gt(0)

  test.each([
    ['no mask', {}],
    ['causal', { causal: true }],
    ['a mask for each query', { mask: bits }],
    ['a mask of all keys at once', { mask: tensor([[true], [false], [true], [true], [true]]) }],
    ['numbers to add', { mask: randn([2, 1, 1, 600]), causal: true, scale: 0.7 }],
  ] as const)('is the same block by block: %s', async (_, options: nn.AttentionOptions) => {
    // A mask that wants a gradient is computed with all scores at once.
    const added = variable(zeros([1, 600]), true)
    const mask =
      options.mask &&
      (options.mask.dtype === 'f32'
        ? options.mask
        : where(options.mask, zeros([]), Number.NEGATIVE_INFINITY))
    const whole = { ...options, mask: mask ? mask.add(added) : added }
    const results = [options, whole].map((how) => {
      const y = nn.scaledDotProductAttention(...inputs, how)
      return [y, ...grad(y.square().sum(), inputs)]
    })
    for (const [i, got] of results[0]!.entries()) {
      const difference = await got.sub(results[1]![i]!).abs().max().item()
      expect(difference).toBeLessThan(1e-5)
    }
  })

  test('no tensor of all scores is made, forward or backward', () => {
    const y = nn.scaledDotProductAttention(...inputs, { causal: true })
    const nodes = topological([y, ...grad(y.sum(), inputs)].map((t) => t.node))
    const scores = (shape: readonly number[]) => shape.includes(5) && shape.includes(600)
    expect(nodes.filter((node) => scores(node.shape))).toEqual([])
    const whole = nn.scaledDotProductAttention(...inputs, { dropout: 0.5 })
    expect(topological([whole.node]).some((node) => scores(node.shape))).toBe(true)
  })
})
