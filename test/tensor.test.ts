import { describe, expect, test } from 'vitest'
import {
  BrickError,
  checkpoint,
  compile,
  createBackend,
  grad,
  nn,
  rand,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'

test('the graph f = (x + y)·z has value −12 and gradients −4, −4, 3', async () => {
  const [x, y, z] = [-2, 5, -4].map((v) => variable(tensor(v), true))
  const f = x!.add(y!).mul(z!)
  f.backward()
  expect(await f.item()).toBe(-12)
  expect(await Promise.all([x, y, z].map((t) => t!.grad!.item()))).toEqual([-4, -4, 3])
})

test('a tensor of an array of a batch is a copy of its shape and type', async () => {
  const view = { dtype: 'i32', shape: [2, 2], data: Int32Array.of(1, 2, 3, 4) } as const
  const made = tensor(view)
  view.data[0] = 9
  expect([made.dtype, await made.array()]).toEqual(['i32', [[1, 2], [3, 4]]]) // biome-ignore format: short
  expect(tensor(view, { dtype: 'f32' }).dtype).toBe('f32')
  expect(() => tensor({ ...view, shape: [3, 2] })).toThrow(/got 4 elements for \[3, 2\]/)
})

test('a tensor as an array with its shape and type is a copy', async () => {
  const made = tensor([[1, 2]], { dtype: 'i32' })
  const view = await made.arrayView()
  expect(view).toEqual({ dtype: 'i32', shape: [1, 2], data: Int32Array.of(1, 2) })
  view.data[0] = 9
  expect(await made.array()).toEqual([[1, 2]])
})

test('gradients of gradients', async () => {
  const x = variable(tensor(3), true)
  const [first] = grad(x.pow(tensor(3)), [x])
  const [second] = grad(first!, [x])
  expect(await first!.item()).toBeCloseTo(27, 4)
  expect(await second!.item()).toBeCloseTo(18, 4)
})

test('a compiled step updates states in place and follows eager assignments', async () => {
  const w = variable(tensor([1, 2]), true)
  const step = compile((x: ReturnType<typeof tensor>) => {
    const loss = w.mul(x).sum()
    const [g] = grad(loss, [w])
    w.assign(w.sub(g!.mul(0.5)))
    return loss
  })
  expect(await step(tensor([2, 4])).item()).toBe(10)
  expect([...(await w.data())]).toEqual([0, 0])
  w.assign(tensor([10, 10]))
  expect(await step(tensor([2, 4])).item()).toBe(60)
  expect([...(await w.data())]).toEqual([9, 8])
})

test('a compiled step notices when a state is frozen or thawed', async () => {
  const [w, b] = [variable(tensor([1]), true), variable(tensor([1]), true)]
  const step = compile(() => {
    w.mul(w).add(b).sum().backward()
    for (const p of [w, b]) if (p.requiresGrad) p.assign(p.sub(p.grad!))
  })
  const after = async () => {
    step()
    return [await w.item(), await b.item()]
  }
  expect(await after()).toEqual([-1, 0])
  w.requiresGrad = false
  expect(await after()).toEqual([-1, -1])
  w.requiresGrad = true
  expect(await after()).toEqual([1, -2])
})

test('a value computed lazily from an overwritten state is refused, not wrong', async () => {
  const w = variable(tensor([1, 2]))
  const stale = w.mul(2)
  const step = compile(() => {
    w.assign(w.add(1))
  })
  step()
  await expect(stale.data()).rejects.toThrow('overwritten')
})

test('each call of a compiled function draws new random numbers', async () => {
  const draw = compile(() => rand([4]))
  const [a, b] = [await draw().data(), await draw().data()]
  expect([...a]).not.toEqual([...b])
})

test('a checkpointed function has the same gradients, for inputs and captured parameters', async () => {
  const w = variable(
    tensor([
      [0.5, -1],
      [2, 0.25],
    ]),
    true,
  )
  const x = variable(
    tensor([
      [1, 2],
      [3, 4],
    ]),
    true,
  )
  const block = (t: Tensor) => t.matmul(w).tanh().matmul(w).sigmoid()
  const plain = grad(block(x).square().sum(), [x, w])
  const saved = compile(() => grad(checkpoint(block, x).square().sum(), [x, w]))()
  for (const [i, expected] of plain.entries()) {
    const [got, want] = [await saved[i]!.data(), await expected.data()]
    for (const [j, value] of got.entries()) expect(value).toBeCloseTo(want[j]!, 5)
  }
})

test('a checkpointed function draws the same random numbers again', async () => {
  const x = variable(tensor(new Float32Array(64).fill(1)), true)
  const dropped = (t: Tensor) => t.mul(rand([64]).lt(0.5).to('f32'))
  const [y, g] = compile(() => {
    const out = checkpoint(dropped, x)
    return [out, ...grad(out.sum(), [x])]
  })()
  expect([...(await g!.data())]).toEqual([...(await y!.data())])
})

test('a sum of two products is one kernel after another', async () => {
  const [a, b] = [
    tensor([
      [1, 2],
      [3, 4],
    ]),
    tensor([
      [0, 1],
      [1, 0],
    ]),
  ]
  const sum = compile((x: Tensor, y: Tensor) => x.matmul(y).add(y.matmul(x)).relu())
  expect([...(await sum(a, b).data())]).toEqual([5, 5, 5, 5])
})

/** What a program in plain JavaScript could pass. */
// biome-ignore lint/suspicious/noExplicitAny: the types would refuse these calls
const untyped = (value: unknown): any => value

describe('refuses', () => {
  const x = tensor([1, 2])
  test.each<[string, () => unknown, RegExp]>([
    ['an operand that is missing', () => x.add(untyped(undefined)), /operand: expected a tensor/],
    ['a promised operand', () => x.mul(untyped(x.sum().item())), /got a promise\. Leave out item/],
    ['text as numbers', () => tensor(untyped(['a'])), /expected numbers or booleans, got string/],
    ['a negative size', () => zeros([-1]), /whole numbers from 0, got \[-1\]/],
    ['a shape that is none', () => zeros(untyped('ab')), /whole numbers from 0, got "ab"/],
    ['a variable of an array', () => variable(untyped([1])), /variable: expected a tensor, got an/],
    ['a pool without a size', () => new nn.MaxPool2d(untyped(undefined)), /MaxPool2d: .*kernel/],
    [
      'to compile what is no function',
      () => compile(untyped(3)),
      /expected a function, got number/,
    ],
    ['a compiled number', () => compile(untyped(() => 3))(), /returns tensors, got 3/],
    ['a compiled list with a number', () => compile(untyped(() => [x, 3]))(), /'1' of type number/],
  ])('%s', (_, body, message) => {
    expect(body).toThrow(message)
    expect(body).toThrow(BrickError)
  })

  test('an async function in compile, once and without a stray rejection', () => {
    const step = compile(untyped(async (t: Tensor) => t.mul(await t.sum().item())))
    expect(() => step(x)).toThrow(/got an async one\. Make it a plain function/)
  })

  test('what leaked out of a compiled function, and says what to do', async () => {
    let leak = x
    const step = compile((t: Tensor) => {
      leak = t.mul(2)
      return t.add(1)
    })
    await step(x).data()
    await expect(leak.data()).rejects.toThrow(/Return it from the compiled function/)
  })

  test('a backend by its name alone, and names that every object has', async () => {
    await expect(useBackend(untyped('wasm'))).rejects.toThrow(/got 'wasm'\. Make one: await/)
    await expect(createBackend('toString')).rejects.toThrow(/backend: expected .*'toString'/)
    expect(await x.sum().item()).toBe(3)
  })
})
