import { beforeAll, describe, expect, test } from 'vitest'
import { createBackend, nn, tensor, useBackend, zeros } from '../src/index.ts'
import { axesBetween } from '../src/nn/module/mismatch.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

function messageOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return (error as Error).message
  }
  return 'nothing was thrown'
}

const view = (shape: number[], from = 0) => ({
  dtype: 'f32' as const,
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => from + i),
})

class Mobile extends nn.Module {
  readonly blocks = new nn.Sequential(
    new nn.Sequential(new nn.Conv2d(3, 8, 3, { bias: false }), new nn.BatchNorm2d(8)),
    new nn.Sequential(new nn.Conv2d(8, 8, 3, { groups: 8, bias: false }), new nn.BatchNorm2d(8)),
  )
  readonly classifier = new nn.Linear(8, 5)
  forward(x: ReturnType<typeof zeros>) {
    return this.classifier.forward(this.blocks.forward(x).mean([2, 3]))
  }
}

/** As Keras writes it: filters last, batch norms under their own names. */
const keras = {
  'conv1/kernel': view([3, 3, 3, 8]),
  'conv1_bn/gamma': view([8], 1),
  'conv1_bn/beta': view([8], 2),
  'conv1_bn/moving_mean': view([8], 3),
  'conv1_bn/moving_variance': view([8], 4),
  'conv_dw_1/depthwise_kernel': view([3, 3, 8, 1]),
  'conv_dw_1_bn/gamma': view([8], 5),
  'conv_dw_1_bn/beta': view([8], 6),
  'conv_dw_1_bn/moving_mean': view([8], 7),
  'conv_dw_1_bn/moving_variance': view([8], 8),
  'conv_preds/kernel': view([1, 1, 8, 5]),
  'conv_preds/bias': view([5]),
  'dense/unused': view([2]),
}

const norm = {
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
}

const mapping: nn.StateMapping = [
  ['conv1/kernel', 'blocks.0.0.weight', 'hwio -> oihw'],
  ['conv_dw_*/depthwise_kernel', 'blocks.$1.0.weight', 'hwcm -> cmhw'],
  ['conv_preds/kernel', 'classifier.weight', '11io -> oi'],
  ['conv_preds/bias', 'classifier.bias'],
  ['dense/**', null],
  [/^conv(?:_dw_)?1_bn\/(\w+)$/, (leaf) => `blocks.0.1.${norm[leaf as keyof typeof norm]}`],
]

describe('a mapping', () => {
  const batchNorms: nn.StateMapping = (['conv1', 'conv_dw_1'] as const).flatMap((name, i) =>
    Object.entries(norm).map(
      ([from, to]) => [`${name}_bn/${from}`, `blocks.${i}.1.${to}`] as const,
    ),
  )

  test('gives entries other names and moves axes', async () => {
    const model = new Mobile()
    const rules = [...mapping.slice(0, -1), ...batchNorms]
    model.loadStateDict(keras, { mapping: rules })
    const state = model.stateDict()
    const first = await state['blocks.0.0.weight']!.data()
    // [o, i, h, w] = [1, 2, 0, 1] was [h, w, i, o] = [0, 1, 2, 1].
    expect(first[1 * 27 + 2 * 9 + 0 * 3 + 1]).toBe(0 * 72 + 1 * 24 + 2 * 8 + 1)
    const deep = await state['blocks.1.0.weight']!.data()
    expect([...deep.slice(0, 3)]).toEqual([0, 8, 16])
    expect([...(await state['classifier.weight']!.data()).slice(0, 3)]).toEqual([0, 5, 10])
    expect([...(await state['blocks.1.1.running_var']!.data())][0]).toBe(8)
  })

  test('works on tensors as on arrays', async () => {
    const kernel = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ])
    const moved = nn.mapState({ kernel }, [['kernel', 'weight', 'io -> oi1']])
    const weight = moved.get('weight')!
    expect(weight.shape).toEqual([3, 2, 1])
    expect([...(await (weight as typeof kernel).data())]).toEqual([1, 4, 2, 5, 3, 6])
  })

  test('joins axes', () => {
    const state = { w: view([2, 3, 4]), d: view([3, 3, 2, 4]) }
    const moved = nn.mapState(state, [
      ['w', 'w', 'abc -> c(ba)1'],
      ['d', 'd', 'hwcm -> (cm)1hw'],
    ])
    expect(moved.get('w')!.shape).toEqual([4, 6, 1])
    // [c, b, a] = [0, 1, 1] was [1, 1, 0] of [2, 3, 4].
    expect((moved.get('w') as ReturnType<typeof view>).data[1 * 2 + 1]).toBe(12 + 4)
    expect(moved.get('d')!.shape).toEqual([8, 1, 3, 3])
  })

  test('a function makes names, the first rule that fits counts, others stay', () => {
    const state = nn.mapState(
      { 'fire2/squeeze1x1_w_0': view([1]), 'a.b': view([1]), c: view([1]) },
      [
        [/^fire(\d+)\/squeeze1x1_w_0$/, (n) => `features.${Number(n) + 1}.squeeze.weight`],
        ['*.b', 'first.$1'],
        ['**', 'last.$1'],
      ],
    )
    expect([...state.keys()]).toEqual(['features.3.squeeze.weight', 'first.a', 'last.c'])
  })

  test('what it can not do is listed with the rest', () => {
    const message = messageOf(() => new Mobile().loadStateDict(keras, { mapping }))
    expect(message).toContain('Mobile.loadStateDict: expected')
    expect(message).toContain(
      'missing (4):\n  blocks.1.1.{weight, bias, running_mean, running_var} [8]\n',
    )
    expect(message).toContain('conv1_bn/gamma and conv_dw_1_bn/gamma: both blocks.0.1.weight\n')
    const few = messageOf(() =>
      new Mobile().loadStateDict(keras, {
        mapping: [...mapping.slice(0, -1), ...batchNorms.slice(4)],
      }),
    )
    expect(few).toContain(
      'unexpected (4):\n  conv1_bn/{gamma, beta, moving_mean, moving_variance} [8]\n',
    )
    const twice = messageOf(() =>
      nn.mapState({ a: view([2, 3]), b: view([2]), c: view([1]) }, [
        ['a', 'x', 'hwio -> oihw'],
        ['b', 'y', '1 -> '],
        ['c', 'b'],
        ['*', 'y'],
      ]),
    )
    expect(twice).toContain("a [2, 3]: no axes 'hwio -> oihw'\n")
    expect(twice).toContain("b [2]: no axes '1 -> '\n")
    const same = messageOf(() => nn.mapState({ a: view([1]), b: view([1]) }, [['*', 'y']]))
    expect(same).toContain('a and b: both y')
  })

  test.each(['hwio', 'hwio -> oih', 'hh -> hh', 'a -> ab', 'a→a', 'ab -> (ab', 'ab -> ()ab'])(
    'axes %s are refused',
    (axes) => {
      const message = messageOf(() => nn.mapState({}, [['w', 'w', axes]]))
      expect(message).toContain("mapping of w: expected axes such as 'hwio -> oihw'")
    },
  )

  test('says what it did to an entry of a wrong shape, and which rules fit nothing', () => {
    const message = messageOf(() =>
      new nn.Linear(2, 3).loadStateDict(
        { kernel: view([3, 2]), bias: view([3]) },
        {
          mapping: [
            ['kernel', 'weight', 'io -> oi'],
            ['gamma', 'scale'],
          ],
        },
      ),
    )
    expect(message).toContain('weight [2, 3] for [3, 2] (from kernel, io -> oi)')
    expect(message).toContain('rules that fit no name (1):\n  gamma\n')
  })
})

describe('a state that does not fit', () => {
  test('every entry is listed, however many there are', () => {
    const block = () => new nn.Sequential(new nn.Linear(4, 6), new nn.BatchNorm1d(6))
    const model = new nn.Sequential(...Array.from({ length: 25 }, block))
    const message = messageOf(() => model.loadStateDict({ 'a.b': zeros([1]) }))
    const lines = message.split('\n')
    // Unfold what is folded: `x.{a, b} [3]` are two names.
    const listed = lines.slice(
      lines.indexOf('missing (150):') + 1,
      lines.indexOf('unexpected (1):'),
    )
    const names = listed.flatMap((line) => {
      const [, parent, inner] = /^ {2}(\S*?)\{(.*?)\}/.exec(line) ?? []
      return inner
        ? inner.split(/, (?![^[]*\])/).map((leaf) => parent + leaf.replace(/ .*/, ''))
        : [line.trim().replace(/ .*/, '')]
    })
    const own = Object.keys(model.stateDict()).filter(
      (name) => !name.endsWith('num_batches_tracked'),
    )
    expect(names).toEqual(own)
    expect(message).toContain('unexpected (1):\n  a.b [1]\n')
  })

  test('a prefix on either side is recognised', () => {
    const wrapped = Object.fromEntries(
      Object.entries(new nn.Linear(2, 3).stateDict()).map(([name, value]) => [
        `module.${name}`,
        value,
      ]),
    )
    const given = messageOf(() => new nn.Linear(2, 3).loadStateDict(wrapped))
    expect(given).toContain("pass { mapping: [['module.**', '$1']] }")
    new nn.Linear(2, 3).loadStateDict(wrapped, { mapping: [['module.**', '$1']] })
    const inner = new nn.Sequential(new nn.Linear(2, 3))
    const own = messageOf(() => inner.loadStateDict(new nn.Linear(2, 3).stateDict()))
    expect(own).toContain("pass { mapping: [['**', '0.$1']] }")
    inner.loadStateDict(new nn.Linear(2, 3).stateDict(), { mapping: [['**', '0.$1']] })
  })

  test('moved axes are recognised', () => {
    const model = new nn.Conv2d(3, 8, 5, { bias: false })
    const message = messageOf(() => model.loadStateDict({ weight: view([5, 5, 3, 8]) }))
    expect(message).toContain(
      "weight [5, 5, 3, 8] for [8, 3, 5, 5]: fits with its axes moved, as ['weight', 'weight', 'hwio -> oihw']",
    )
    const classes = messageOf(() =>
      new nn.Linear(4, 10).loadStateDict(new nn.Linear(4, 3).stateDict()),
    )
    expect(classes).toContain('weight [3, 4] for [10, 4]\n  bias [3] for [10]\n')
    expect(classes).toContain("{ mapping: [['weight', null]], strict: false } leaves one out")
  })

  test.each([
    [[2, 3], [3, 2], 'io -> oi'],
    [[3, 3, 8, 1], [8, 1, 3, 3], 'hwcm -> cmhw'],
    [[3, 3, 4, 8], [8, 4, 3, 3], 'hwio -> oihw'],
    [[8, 3, 3, 4], [8, 4, 3, 3], 'ohwi -> oihw'],
    [[2, 3, 4], [3, 2, 4], 'abc -> bac'],
    [[10, 5, 1, 1], [10, 5], 'ab11 -> ab'],
    [[10, 5], [1, 10, 5], 'ab -> 1ab'],
    [[10, 5], [5, 11], undefined],
    [[10, 5], [50], undefined],
  ])('%j becomes %j by %s', (from, to, axes) => {
    expect(axesBetween(from, to)).toBe(axes)
    if (axes) expect(nn.mapState({ w: view(from) }, [['w', 'w', axes]]).get('w')!.shape).toEqual(to)
  })
})
