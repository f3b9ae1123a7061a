import { beforeAll, describe, expect, test } from 'vitest'
import {
  compile,
  createBackend,
  customGradient,
  grad,
  scan,
  stack,
  type Tensor,
  tensor,
  useBackend,
  variable,
  zeros,
} from '../src/index.ts'
import { allBackends } from './backends.ts'

const [T, B, H, I] = [5, 3, 4, 2]

/** Deterministic values of both signs. */
function wave(shape: readonly number[], phase: number): Tensor {
  const size = shape.reduce((a, b) => a * b, 1)
  return tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 1.7 + phase) * 0.7),
  ).reshape(shape)
}

type Cell = (states: readonly Tensor[], x: Tensor) => { states: Tensor[]; output: Tensor }

/** What the scan must be: the rounds written out. */
function unrolled(cell: Cell, initial: readonly Tensor[], xs: Tensor, reverse: boolean) {
  let now = initial
  const rows: { states: readonly Tensor[]; output: Tensor }[] = []
  for (let i = 0; i < T; i++) {
    const t = reverse ? T - 1 - i : i
    const { states, output } = cell(now, xs.slice(t))
    now = states
    rows[t] = { states, output }
  }
  return {
    final: now,
    states: now.map((_, k) => stack(rows.map(({ states }) => states[k]!))),
    outputs: [stack(rows.map(({ output }) => output))],
  }
}

function scanned(cell: Cell, initial: readonly Tensor[], xs: Tensor, reverse: boolean) {
  return scan(
    (states, [x]) => {
      const { states: next, output } = cell(states, x!)
      return { states: next, outputs: [output] }
    },
    { initial, sequences: [xs], reverse },
  )
}

const w = () => ({
  u: variable(wave([H, H], 0.3), true),
  v: variable(wave([I, H], 1.1), true),
  b: variable(wave([H], 2.2), true),
})

function cells({ u, v, b }: ReturnType<typeof w>): Record<string, Cell> {
  return {
    elman: ([h], x) => {
      const next = h!.matmul(u).add(x.matmul(v)).add(b).tanh()
      return { states: [next], output: next.square() }
    },
    'two states': ([h, c], x) => {
      const gate = h!.matmul(u.transpose()).add(x.matmul(v)).sigmoid()
      const cell = c!.mul(gate).add(x.matmul(v).tanh().mul(b))
      return { states: [cell.tanh().mul(gate), cell], output: gate.sum(1) }
    },
    'state that stays': ([h, c], x) => ({
      states: [h!.add(x.matmul(v)).mul(0.5), c!],
      output: h!.mul(c!),
    }),
    'softmax of a state': ([h], x) => {
      const p = h!.matmul(u).softmax(1)
      return { states: [p.add(x.matmul(v))], output: p.log() }
    },
    // Gradients of their own that name what lies outside the body.
    'custom gradients': ([h], x) => {
      const scaled = customGradient(
        (y: Tensor) => y.mul(b),
        ([y], g) => [g.mul(b).mul(y.relu())],
      )
      const next = scaled(h!.matmul(u).add(x.matmul(v)).relu())
      return { states: [next], output: next.abs() }
    },
    'constants alone': ([h], x) => ({ states: [u.slice([0, B]).add(x.sum())], output: h!.add(b) }),
  }
}

for (const name of allBackends) {
  describe(`scan on ${name}`, () => {
    beforeAll(async () => useBackend(await createBackend(name)))

    for (const which of Object.keys(cells(w()))) {
      for (const reverse of [false, true]) {
        test(`${which}${reverse ? ', reversed' : ''}: as unrolled, values and gradients`, async () => {
          const own = w()
          const cell = cells(own)[which]!
          const xs = variable(wave([T, B, I], 0.5), true)
          const h = variable(wave([B, H], 0.9), true)
          const c = variable(wave([B, H], 1.9), true)
          const initial = which.includes('state') && which !== 'softmax of a state' ? [h, c] : [h]
          const inputs = [xs, ...initial, own.u, own.v, own.b]
          const results = [scanned, unrolled].map((run) => {
            const { final, states, outputs } = run(cell, initial, xs, reverse)
            const values = [...final, ...states, ...outputs]
            const loss = values
              .map((value, i) => value.mul(wave(value.shape, i)).sum())
              .reduce((a, b) => a.add(b))
            const used = inputs.filter((t) => reaches(loss, t))
            return [...values, ...grad(loss, used)]
          })
          const [got, want] = await Promise.all(
            results.map((all) => Promise.all(all.map((t) => t.data()))),
          )
          expect(got!.length).toBe(want!.length)
          got!.forEach((values, i) => {
            expect(close(values, want![i]!), `value ${i}: ${values} instead of ${want![i]}`).toBe(
              true,
            )
          })
        })
      }
    }

    test('gradients of gradients, through gradients of their own', async () => {
      const own = w()
      const results = [scanned, unrolled].map((run) => {
        const xs = variable(wave([T, B, I], 0.5), true)
        const { states } = run(cells(own)['custom gradients']!, [wave([B, H], 1)], xs, false)
        const [g] = grad(states[0]!.square().sum(), [xs])
        return grad(g!.square().sum(), [own.u, own.b])
      })
      const [got, want] = await Promise.all(
        results.map((all) => Promise.all(all.map((t) => t.data()))),
      )
      got!.forEach((values, i) => {
        expect(close(values, want![i]!), `${values} instead of ${want![i]}`).toBe(true)
      })
    })

    test('inside a compiled training step, with its own draws in each round', async () => {
      const own = w()
      const step = compile((xs: Tensor) => {
        const { states } = scanned(cells(own)['elman']!, [zeros([B, H])], xs, false)
        return states[0]!.square().mean()
      })
      const xs = wave([T, B, I], 0.2)
      const a = await step(xs).item()
      const b = await step(xs).item()
      expect(a).toBe(b)
    })
  })
}

function reaches(loss: Tensor, input: Tensor): boolean {
  try {
    grad(loss, [input])
    return true
  } catch {
    return false
  }
}

function close(got: ArrayLike<number>, want: ArrayLike<number>): boolean {
  return (
    got.length === want.length &&
    Array.from(got).every((v, i) => Math.abs(v - want[i]!) <= 2e-5 * (1 + Math.abs(want[i]!)))
  )
}
