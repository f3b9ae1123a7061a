import { beforeAll, describe, expect, test } from 'vitest'
import {
  compile,
  createBackend,
  grad,
  nn,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'

beforeAll(async () => useBackend(await createBackend('interpreter')))

const i32 = (values: number[]): Tensor => tensor(values, { dtype: 'i32' })
const numbers = async (x: Tensor): Promise<number[]> => [...(await x.data())]

describe('cross entropy', () => {
  const logits = tensor([
    [2, 0, -1],
    [0, 0, 0],
  ])
  const row = Math.log(Math.exp(2) + 1 + Math.exp(-1)) - 2

  test('of one example without a batch dim, and of bytes as labels', async () => {
    expect(
      await nn.crossEntropy(tensor([2, 0, -1]), tensor(0, { dtype: 'i32' })).item(),
    ).toBeCloseTo(row, 5)
    const bytes = tensor([0, 1], { dtype: 'u8' })
    expect(await nn.crossEntropy(logits, bytes).item()).toBeCloseTo((row + Math.log(3)) / 2, 5)
  })

  test('ignored targets count for nothing; all of them ignored is NaN, as in PyTorch', async () => {
    expect(await nn.crossEntropy(logits, i32([0, -100])).item()).toBeCloseTo(row, 5)
    expect(await nn.crossEntropy(logits, i32([2, 0]), { ignoreIndex: 2 }).item()).toBeCloseTo(
      Math.log(3),
      5,
    )
    expect(await nn.crossEntropy(logits, i32([-100, -100])).item()).toBeNaN()
    const x = variable(logits, true)
    const [g] = grad(nn.crossEntropy(x, i32([0, -100])), [x])
    expect((await numbers(g!)).slice(3)).toEqual([0, 0, 0])
  })

  test('a target that is no class is refused where its value is at hand', () => {
    const wanted = /crossEntropy: expected 0 … 2 \(or -100: ignored\), got class 3 at position 1/
    expect(() => nn.crossEntropy(logits, i32([0, 3]))).toThrow(wanted)
    expect(() => nn.crossEntropy(logits, i32([0, -1]).reshape([2]))).toThrow(/got class -1/)
    expect(() => nn.crossEntropy(logits, tensor([9, 0], { dtype: 'u8' }))).toThrow(/got class 9/)
    expect(() => nn.nll(logits, i32([0, 3]))).toThrow(/nll: expected 0 … 2/)
    expect(() => nn.multiMargin(logits, i32([3, 0]))).toThrow(/multiMargin: .*got class 3/)
    expect(() => nn.crossEntropy(logits, i32([0, 7]), { ignoreIndex: 7 })).not.toThrow()
  })

  test('else it gives NaN, not a wrong number: in a compiled step, or from computed targets', async () => {
    const step = compile((x: Tensor, y: Tensor) => nn.crossEntropy(x, y))
    expect(await step(logits, i32([0, 3])).item()).toBeNaN()
    expect(await step(logits, i32([0, 2])).item()).toBeGreaterThan(0)
    expect(await nn.crossEntropy(logits, i32([0, 2]).add(1)).item()).toBeNaN()
  })

  test('huge logits do not overflow', async () => {
    expect(await nn.crossEntropy(tensor([[1000, -1000]]), i32([1])).item()).toBeCloseTo(2000, 3)
  })

  test.each([
    ['indices as f32', zeros([2]), /crossEntropy: expected class indices as i32.*\.to\('i32'\)/],
    ['another batch', i32([0]), /expected class indices \[2\], got target i32 \[1\] for \[2, 3\]/],
    ['a column', i32([0, 1]).reshape([2, 1]), /expected class indices \[2\]/],
  ])('refuses %s', (_, target, message) => {
    expect(() => nn.crossEntropy(logits, target)).toThrow(message)
  })
})

test('binary cross entropy is finite at 0 and 1, with gradients', async () => {
  const x = variable(tensor([0, 1, 0, 1]), true)
  const losses = nn.bce(x, tensor([0, 1, 1, 0]), { reduction: 'none' })
  expect((await numbers(losses)).map(Math.abs)).toEqual([0, 0, 100, 100])
  const [g] = grad(losses.sum(), [x])
  expect((await numbers(g!)).every(Number.isFinite)).toBe(true)
  const z = variable(tensor([0]), true)
  const [slope] = grad(nn.bceWithLogits(z, tensor([1])), [z])
  expect(await slope!.item()).toBe(-0.5)
})

test('posWeight multiplies the loss of positives', async () => {
  const [x, y] = [tensor([0.3, -2]), tensor([1, 0])]
  const plain = await numbers(nn.bceWithLogits(x, y, { reduction: 'none' }))
  const heavy = await numbers(
    nn.bceWithLogits(x, y, { reduction: 'none', posWeight: tensor([3, 3]) }),
  )
  expect(heavy[0]).toBeCloseTo(3 * plain[0]!, 5)
  expect(heavy[1]).toBeCloseTo(plain[1]!, 5)
})

test('losses refuse shapes that would broadcast', () => {
  for (const loss of [nn.mse, nn.mae, nn.huber, nn.smoothL1, nn.bce, nn.bceWithLogits, nn.hinge]) {
    expect(() => loss(zeros([4, 1]), zeros([4])), loss.name).toThrow(
      /one shape, got \[4, 1\] and \[4\]/,
    )
  }
})

test('losses as modules', async () => {
  const [x, y] = [tensor([1, 2]), tensor([0, 0])]
  expect(await new nn.MSELoss().forward(x, y).item()).toBe(2.5)
  expect(await new nn.L1Loss({ reduction: 'sum' }).forward(x, y).item()).toBe(3)
  const entropy = new nn.CrossEntropyLoss({ labelSmoothing: 0.5 }).forward(zeros([1, 2]), i32([0]))
  expect(await entropy.item()).toBeCloseTo(Math.log(2), 6)
  expect(() => new nn.MSELoss().forward(x, zeros([3]))).toThrow(/^MSELoss: mse: expected/)
})
