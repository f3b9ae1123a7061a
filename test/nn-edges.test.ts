import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  createBackend,
  grad,
  maxPool2dWithIndices,
  nn,
  ones,
  settle,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'
import { allBackends } from './backends.ts'

/** What is chosen where mathematics leaves a choice, or there is nothing to compute. */

/** −0 is 0 here. */
const values = async (x: Tensor): Promise<number[]> => [...(await x.data())].map((v) => v + 0)

/** Gradients of Σ fn(x) at these values. */
async function slopes(fn: (x: Tensor) => Tensor, ...at: number[]): Promise<number[]> {
  const x = variable(tensor(at), true)
  return values(grad(fn(x).sum(), [x])[0]!)
}

describe.each(allBackends)('%s', (name) => {
  beforeAll(async () => useBackend(await createBackend(name, { threads: 2 })))
  afterAll(settle)

  test('an empty batch passes through layers, and leaves gradients of 0', async () => {
    const model = new nn.Sequential(
      new nn.Conv2d(1, 2, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.LayerNorm(18),
      new nn.Linear(18, 3),
      new nn.Softmax(),
    )
    const y = model.forward(zeros([0, 1, 8, 8]))
    expect(y.shape).toEqual([0, 3])
    expect(await values(y)).toEqual([])
    const [weight, bias] = [model.parameters()[0]!, model.parameters().at(-1)!]
    const grads = grad(y.sum(), [weight, bias])
    expect((await values(grads[0]!)).every((g) => g === 0)).toBe(true)
    expect(await values(grads[1]!)).toEqual([0, 0, 0])
  })

  test('the mean of no losses is NaN, their sum 0', async () => {
    const [x, none] = [zeros([0, 3]), zeros([0], 'i32')]
    expect(await nn.mse(x, x).item()).toBeNaN()
    expect(await nn.mse(x, x, { reduction: 'sum' }).item()).toBe(0)
    expect(await nn.crossEntropy(x, none).item()).toBeNaN()
    expect(await nn.crossEntropy(x, none, { reduction: 'sum' }).item()).toBe(0)
  })

  test('sums over no elements: softmax of none is none, logsumexp −∞, attention to no key 0', async () => {
    expect(zeros([2, 0]).softmax().shape).toEqual([2, 0])
    expect(zeros([2, 0]).logSoftmax().shape).toEqual([2, 0])
    expect(await values(zeros([2, 0]).logsumexp(1))).toEqual([-Infinity, -Infinity])
    const [q, none] = [variable(zeros([1, 3, 4]), true), zeros([1, 0, 4])]
    for (const options of [{}, { mask: zeros([3, 0], 'bool') }, { causal: true }]) {
      const y = nn.scaledDotProductAttention(q, none, none, options)
      expect(await values(y)).toEqual(new Array(12).fill(0))
      expect(await values(grad(y.sum(), [q])[0]!)).toEqual(new Array(12).fill(0))
    }
    expect(await nn.infoNce(zeros([0, 3]), zeros([0, 3])).item()).toBeNaN()
  })

  test('an empty batch of sequences', async () => {
    for (const layer of [new nn.LSTM(3, 4, { bidirectional: true }), new nn.GRU(3, 8)]) {
      const { output, h } = layer.forward(zeros([5, 0, 3]))
      expect([output.shape, h.shape.slice(1, 2)]).toEqual([[5, 0, 8], [0]])
      const grads = grad(output.sum(), layer.parameters())
      for (const g of grads) expect((await values(g)).every((v) => v === 0)).toBe(true)
    }
  })

  test('attention: a query that may see no key gives 0, and has no gradient', async () => {
    const [q, k, v] = [
      ones([2, 2]),
      tensor([
        [1, 2],
        [3, 4],
      ]),
      tensor([
        [5, 6],
        [7, 8],
      ]),
    ].map((t) => variable(t, true)) as [Tensor, Tensor, Tensor]
    const seen = tensor([
      [true, true],
      [false, false],
    ])
    const added = tensor([
      [0, 0],
      [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    ])
    for (const mask of [seen, added]) {
      const y = nn.scaledDotProductAttention(q, k, v, { mask })
      expect((await values(y)).slice(2)).toEqual([0, 0])
      const [dq, dk, dv] = grad(y.mul(tensor([[1], [10]])).sum(), [q, k, v])
      expect((await values(dq!)).slice(2)).toEqual([0, 0])
      const [, sum] = await values(dv!.sum(0))
      expect(sum).toBeCloseTo(1, 5)
      expect((await values(dk!)).every(Number.isFinite)).toBe(true)
    }
  })

  test('multi-head attention: all keys hidden leave the bias of the output', async () => {
    const layer = new nn.MultiheadAttention(4, 2, { batchFirst: true })
    layer.outProj.bias!.assign(tensor([1, 2, 3, 4]))
    const x = ones([1, 2, 4])
    const hidden = tensor([[true, true]])
    const [y, weights] = layer.forward(x, x, x, { keyPaddingMask: hidden })
    expect(await values(y)).toEqual([1, 2, 3, 4, 1, 2, 3, 4])
    expect(await values(weights)).toEqual([0, 0, 0, 0])
  })

  test('ties: the first maximum is chosen, and has the gradient', async () => {
    expect(
      await values(
        tensor([
          [1, 3, 3],
          [2, 2, 2],
        ]).argmax(1),
      ),
    ).toEqual([1, 0])
    // Of a whole tensor, too, where PyTorch shares the gradient among equal ones.
    expect(await slopes((x) => x.max(), 1, 3, 3)).toEqual([0, 1, 0])
    expect(await slopes((x) => x.min(), 1, 1, 3)).toEqual([1, 0, 0])
    const plane = (x: Tensor) => x.reshape([1, 1, 2, 2])
    expect(await slopes((x) => nn.globalMaxPool(plane(x)), 5, 5, 5, 5)).toEqual([1, 0, 0, 0])
    expect(await slopes((x) => new nn.MaxPool2d(2).forward(plane(x)), 1, 5, 5, 5)).toEqual([
      0, 1, 0, 0,
    ])
    const [, at] = maxPool2dWithIndices(plane(tensor([1, 7, 7, 7])), 2)
    expect(await values(at)).toEqual([1])
    const [sorted, order] = tensor([2, 1, 2, 1]).sort()
    expect(await values(sorted)).toEqual([1, 1, 2, 2])
    expect(await values(order)).toEqual([1, 3, 0, 2])
    const [, best] = tensor([4, 9, 9, 4]).topk(3)
    expect(await values(best)).toEqual([1, 2, 0])
  })

  test('where two operands tie, each has half of the gradient', async () => {
    expect(await slopes((x) => x.maximum(tensor([2, 0])), 2, 1)).toEqual([0.5, 1])
    expect(await slopes((x) => x.minimum(tensor([2, 0])), 2, 1)).toEqual([0.5, 0])
  })

  test("subgradients at kinks are PyTorch's", async () => {
    const at0: readonly (readonly [(x: Tensor) => Tensor, number])[] = [
      [(x) => x.relu(), 0],
      [(x) => x.abs(), 0],
      [(x) => x.sign(), 0],
      [(x) => x.norm(), 0],
      [(x) => nn.leakyRelu(x, 0.25), 0.25],
      [(x) => nn.prelu(x, tensor([0.25])), 0.25],
      [(x) => nn.elu(x, 2), 2],
      [(x) => nn.softsign(x), 1],
      [(x) => x.clamp(0, 1), 1],
      [(x) => nn.relu6(x), 0],
      [(x) => nn.hardtanh(x, 0, 1), 0],
      [(x) => nn.mae(x, zeros([1])), 0],
      [(x) => nn.hinge(x.add(1), ones([1])), 0],
      [(x) => nn.squaredHinge(x.add(1), ones([1])), 0],
    ]
    const x = variable(tensor([0]), true)
    const all = await Promise.all(at0.map(async ([fn]) => grad(fn(x).sum(), [x])[0]!.item()))
    expect(all.map(Math.abs)).toEqual(at0.map(([, want]) => want))
    expect(await slopes((y) => y.sqrt(), 0)).toEqual([Number.POSITIVE_INFINITY])
  })

  test('dims of size 1', async () => {
    expect(await values(tensor([[3]]).softmax())).toEqual([1])
    expect(await values(tensor([[3]]).logSoftmax())).toEqual([0])
    expect(await tensor([3]).var().item()).toBeNaN()
    expect(await tensor([3]).var(undefined, 0).item()).toBe(0)
    const x = variable(tensor([[7]]), true)
    const y = nn.layerNorm(x, [1], { bias: tensor([2]) })
    expect(await values(y)).toEqual([2])
    expect(await values(grad(y.sum(), [x])[0]!)).toEqual([0])
    expect(await values(nn.scaledDotProductAttention(x, x, x))).toEqual([7])
    const pixel = new nn.AdaptiveMaxPool2d(3).forward(tensor([[[[4]]]]))
    expect(await values(pixel)).toEqual(new Array(9).fill(4))
  })
})

test('norms refuse a single value a channel in training, and an empty batch', () => {
  expect(() => new nn.BatchNorm1d(3).forward(zeros([1, 3]))).toThrow(/more than one value/)
  expect(() => new nn.BatchNorm1d(3).forward(zeros([0, 3]))).toThrow(/more than one value/)
  expect(new nn.BatchNorm1d(3).eval().forward(zeros([0, 3])).shape).toEqual([0, 3])
  expect(() => new nn.InstanceNorm1d(3).forward(zeros([4, 3, 1]))).toThrow(/more than one value/)
})

test('the largest of no elements is refused, of no rows it is nothing', () => {
  expect(() => zeros([0, 3]).max(0)).toThrow(/max: expected at least one element, got \[0, 3\]/)
  expect(() => zeros([0]).max()).toThrow(/at least one element/)
  expect(zeros([0, 3]).max(1).shape).toEqual([0])
  expect(zeros([0, 3]).argmax(1).shape).toEqual([0])
})
