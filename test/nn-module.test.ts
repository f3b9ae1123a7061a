import { beforeAll, describe, expect, test } from 'vitest'
import {
  BrickError,
  compile,
  createBackend,
  grad,
  nn,
  ones,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

class LeNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 20, 5)
  readonly conv2 = new nn.Conv2d(20, 50, 5)
  readonly norms = [new nn.BatchNorm2d(50)]
  readonly head = new Map([['fc', new nn.Linear(800, 10, { bias: false })]])
  readonly extra = { scale: nn.parameter(ones([1])), offset: variable(zeros([1])) }

  forward(x: Tensor): Tensor {
    const seen = this.conv2.forward(new nn.MaxPool2d(2).forward(this.conv1.forward(x)))
    const y = this.norms[0]!.forward(seen).relu().slice([], [], [0, 4], [0, 4]).flatten(1)
    return this.head.get('fc')!.forward(y).mul(this.extra.scale).add(this.extra.offset)
  }
}

const messageOf = (body: () => unknown): string => {
  try {
    body()
  } catch (error) {
    if (error instanceof BrickError) return error.message
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the tree', () => {
  test("states have PyTorch's names: parameters, then buffers, then children", () => {
    expect(Object.keys(new LeNet().stateDict())).toEqual([
      'extra.scale',
      'extra.offset',
      'conv1.weight',
      'conv1.bias',
      'conv2.weight',
      'conv2.bias',
      'norms.0.weight',
      'norms.0.bias',
      'norms.0.running_mean',
      'norms.0.running_var',
      'norms.0.num_batches_tracked',
      'head.fc.weight',
    ])
  })

  test('parameters and buffers are told apart, and freezing makes no buffer of a parameter', () => {
    const model = new LeNet().requiresGrad_(false)
    expect(Object.keys(model.namedBuffers())).toEqual([
      'extra.offset',
      'norms.0.running_mean',
      'norms.0.running_var',
      'norms.0.num_batches_tracked',
    ])
    expect(model.parameters().map((p) => p.requiresGrad)).toEqual(new Array(8).fill(false))
    expect(
      model
        .requiresGrad_()
        .parameters()
        .every((p) => p.requiresGrad),
    ).toBe(true)
  })

  test('a Sequential names its modules by number or key, nested ones with dots', () => {
    const model = new nn.Sequential({
      features: new nn.Sequential(new nn.ReLU(), new nn.Linear(2, 3)),
      classifier: new nn.Linear(3, 1),
    })
    expect(Object.keys(model.namedParameters())).toEqual([
      'features.1.weight',
      'features.1.bias',
      'classifier.weight',
      'classifier.bias',
    ])
    expect(model.at('classifier')).toBe(model.at(-1))
    expect([...model]).toHaveLength(2)
    expect(messageOf(() => model.at(2))).toContain('one of features, classifier')
  })

  test('shared weights and shared modules count once, and are saved under each name', () => {
    class Tied extends nn.Module {
      readonly a = new nn.Linear(3, 3)
      readonly b = new nn.Linear(3, 3)
      readonly again = this.a
      constructor() {
        super()
        this.b.weight = this.a.weight
      }
      forward(x: Tensor): Tensor {
        return this.again.forward(this.b.forward(this.a.forward(x)))
      }
    }
    const model = new Tied()
    expect(Object.keys(model.namedParameters())).toEqual(['a.weight', 'a.bias', 'b.bias'])
    expect(Object.keys(model.stateDict())).toEqual([
      'a.weight',
      'a.bias',
      'b.weight',
      'b.bias',
      'again.weight',
      'again.bias',
    ])
    expect(model.modules()).toHaveLength(3)
    expect(model.summary([1, 3])).toContain('\n15 parameters')
  })

  test('a module that refers to the one around it is no endless loop', () => {
    class Inner extends nn.Module {
      readonly scale = nn.parameter(ones([1]))
      outer: nn.Module | undefined
      forward(x: Tensor): Tensor {
        return x.mul(this.scale)
      }
    }
    class Outer extends nn.Module {
      readonly inner = new Inner()
      constructor() {
        super()
        this.inner.outer = this
      }
      forward(x: Tensor): Tensor {
        return this.inner.forward(x)
      }
    }
    expect(Object.keys(new Outer().stateDict())).toEqual(['inner.scale'])
  })

  test('train and eval reach all modules', () => {
    const model = new nn.Sequential(new nn.Sequential(new nn.Dropout()), new nn.ReLU()).eval()
    expect(model.modules().map((m) => m.training)).toEqual([false, false, false, false])
    expect(
      model
        .train()
        .modules()
        .every((m) => m.training),
    ).toBe(true)
  })

  test('zeroGrad forgets what backward left', () => {
    const model = new nn.Linear(2, 1)
    model
      .forward(ones([3, 2]))
      .sum()
      .backward()
    expect(model.weight.grad?.shape).toEqual([1, 2])
    model.zeroGrad()
    expect(model.weight.grad).toBeUndefined()
  })
})

describe('the place in the model', () => {
  test('an error names it once, and what was wanted', () => {
    class Outer extends nn.Module {
      readonly net = new LeNet()
      forward(x: Tensor): Tensor {
        return this.net.conv2.forward(x)
      }
    }
    const x = zeros([64, 1, 28, 28])
    expect(messageOf(() => new Outer().forward(x))).toBe(
      'Outer.net.conv2: expected 20 input channels, got 1 in [64, 1, 28, 28]',
    )
    expect(messageOf(() => new LeNet().conv2.forward(x))).toBe(
      'Conv2d: expected 20 input channels, got 1 in [64, 1, 28, 28]',
    )
  })

  test('an operation that fails in a module is named with its place', () => {
    class Wrong extends nn.Module {
      readonly body = new nn.Sequential(new nn.Identity(), new Adds())
      forward(x: Tensor): Tensor {
        return this.body.forward(x)
      }
    }
    class Adds extends nn.Module {
      forward(x: Tensor): Tensor {
        return x.add(ones([3]))
      }
    }
    expect(messageOf(() => new Wrong().forward(ones([2])))).toMatch(
      /^Wrong\.body\.1: add: expected/,
    )
  })

  test('nodes carry it; super.forward adds no step, and after an error it is gone', () => {
    class Plain extends nn.Linear {
      override forward(x: Tensor): Tensor {
        return super.forward(x).relu()
      }
    }
    const model = new nn.Sequential(new Plain(2, 2))
    expect(messageOf(() => model.forward(ones([2, 3])))).toMatch(/^Sequential\.0: expected 2 input/)
    expect(model.forward(ones([1, 2])).node.scope).toBe('Sequential.0')
    expect(ones([1]).add(1).node.scope).toBe('')
  })

  test('hints: a forgotten Flatten, a missing batch dim', () => {
    const flat = messageOf(() => new nn.Linear(800, 10).forward(zeros([2, 50, 4, 4])))
    expect(flat).toMatch(
      /^Linear: expected 800 input features, got 4 in \[2, 50, 4, 4\]. .*Flatten/,
    )
    expect(messageOf(() => new nn.Conv2d(1, 2, 3).forward(zeros([1, 8, 8])))).toMatch(
      /unsqueeze\(0\)/,
    )
  })
})

describe('loading', () => {
  const model = () => new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3))

  test('from another model, from arrays and from maps', async () => {
    const [a, b, c] = [model(), model(), model()]
    b.loadStateDict(a.stateDict())
    const arrays = new Map<string, nn.StateValue>()
    for (const [name, { shape, dtype }] of Object.entries(a.stateDict())) {
      const data = await a.stateDict()[name]!.data()
      arrays.set(name, { data, shape, dtype } as nn.StateValue)
    }
    c.loadStateDict(arrays)
    const x = tensor([
      [1, 2],
      [3, -4],
    ])
    const want = await a.eval().forward(x).data()
    expect(await b.eval().forward(x).data()).toEqual(want)
    expect(await c.eval().forward(x).data()).toEqual(want)
  })

  test('a loaded model is a copy', async () => {
    const [a, b] = [new nn.Linear(1, 1), new nn.Linear(1, 1)]
    b.loadStateDict(a.stateDict())
    const before = await b.weight.item()
    a.weight.assign(a.weight.add(1))
    expect(await b.weight.item()).toBe(before)
    expect(await a.weight.item()).not.toBe(before)
  })

  test('what is wrong is listed, with the nearest name, and nothing is changed', async () => {
    const target = model()
    const before = await target.stateDict()['0.weight']!.data()
    const { '0.weight': weight, '0.bias': _, ...rest } = model().stateDict()
    const given = { ...rest, '0.wieght': weight!, '1.bias': zeros([4]) }
    const message = messageOf(() => target.loadStateDict(given))
    expect(message).toContain('Sequential.loadStateDict: expected')
    expect(message).toContain('missing (2):\n  0.{weight [3, 2], bias [3]}\n')
    expect(message).toContain("unexpected (1):\n  0.wieght [3, 2]: is '0.weight' meant?\n")
    expect(message).toContain('of another shape (1):\n  1.bias [4] for [3]\n')
    expect(await target.stateDict()['0.weight']!.data()).toEqual(before)
  })

  test.each([
    ['nothing', undefined, /expected tensors or arrays by name, got it of type undefined/],
    ['a number', { '0.weight': 3 }, /got 0\.weight of type number/],
  ])('%s is refused', (_, given, message) => {
    expect(() => model().loadStateDict(given as never)).toThrow(message)
  })

  test('strict: false loads what fits; the counter of batches may always be missing', async () => {
    const target = model()
    const report = target.loadStateDict({ '0.bias': ones([3]), more: ones([1]) }, { strict: false })
    expect(report.unexpected).toEqual(['more'])
    expect(report.missing).toContain('0.weight')
    expect([...(await target.stateDict()['0.bias']!.data())]).toEqual([1, 1, 1])
    const { '1.num_batches_tracked': _, ...old } = model().stateDict()
    expect(target.loadStateDict(old).missing).toEqual([])
  })
})

describe('text', () => {
  const model = () =>
    new nn.Sequential(
      new nn.Conv2d(1, 20, 5),
      new nn.Sequential(new nn.BatchNorm2d(20), new nn.ReLU()),
      new nn.MaxPool2d(2, { stride: 2 }),
      new nn.Dropout(0.25),
    )

  test('toString is the tree', () => {
    expect(String(model())).toBe(`Sequential(
  (0): Conv2d(1, 20, kernelSize=(5, 5), stride=(1, 1))
  (1): Sequential(
    (0): BatchNorm2d(20, eps=0.00001, momentum=0.1, affine=true, trackRunningStats=true)
    (1): ReLU()
  )
  (2): MaxPool2d(kernel=2, stride=2)
  (3): Dropout(p=0.25)
)`)
  })

  test('summary has shapes and parameters, and leaves modes and states alone', async () => {
    const net = model()
    net.at(0).requiresGrad_(false)
    const lines = net.summary([2, 1, 28, 28]).split('\n')
    expect(lines[2]).toMatch(/^0 +Conv2d +\[2, 20, 24, 24\] +520$/)
    expect(lines[5]).toMatch(/^2 +MaxPool2d +\[2, 20, 12, 12\] +–$/)
    expect(lines.at(-1)).toBe('560 parameters, 520 of them frozen')
    expect(net.modules().every((m) => m.training)).toBe(true)
    expect(await net.stateDict()['1.0.num_batches_tracked']!.item()).toBe(0)
  })
})

test('gradients of a compiled model reach all parameters', async () => {
  const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Tanh(), new nn.Linear(2, 1))
  const step = compile((x: Tensor) => grad(model.forward(x).sum(), model.parameters()))
  const gradients = step(ones([4, 2]))
  expect(gradients.map((g) => g.shape)).toEqual([[2, 2], [2], [1, 2], [1]])
  expect(await gradients[3]!.item()).toBe(4)
})
