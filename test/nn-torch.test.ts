import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createBackend, grad, nn, Tensor, tensor, useBackend, variable } from '../src/index.ts'
import { callables } from './torch-cases/layers.ts'

/** A tensor as make.py writes it. */
interface Written {
  readonly shape: readonly number[]
  readonly dtype: 'f32' | 'i32' | 'bool'
  readonly data: readonly (number | boolean | string)[]
}

interface Case {
  readonly name: string
  readonly inputs: readonly Written[]
  readonly state: Readonly<Record<string, Written>>
  readonly outputs: readonly Written[]
  readonly cotangents: readonly Written[]
  readonly inputGrads: readonly (Written | null)[]
  readonly stateGrads: Readonly<Record<string, Written>>
  readonly after: Readonly<Record<string, Written>>
}

const path = join(import.meta.dirname, 'torch-cases/layers.json')
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: readonly Case[] }

const values = ({ data }: Written): number[] =>
  data.map((v) => (typeof v === 'string' ? Number(v.replace('inf', 'Infinity')) : Number(v)))
const read = (t: Written): Tensor => tensor(values(t), { dtype: t.dtype }).reshape(t.shape)
const record = (state: Readonly<Record<string, Written>>) =>
  Object.fromEntries(Object.entries(state).map(([name, t]) => [name, read(t)]))

async function expectClose(label: string, got: Tensor, want: Written): Promise<void> {
  expect(got.shape, label).toEqual(want.shape)
  const [mine, theirs] = [await got.data(), values(want)]
  const errors = theirs.map((w, i) =>
    Object.is(w, mine[i]) ? 0 : Math.abs(mine[i]! - w) / (1 + Math.abs(w)),
  )
  expect(Math.max(0, ...errors), `${label}: [${mine}] for [${theirs}]`).toBeLessThan(2e-5)
}

const listOf = (out: Tensor | readonly Tensor[]): readonly Tensor[] =>
  out instanceof Tensor ? [out] : out

beforeAll(async () => useBackend(await createBackend('interpreter')))

describe("PyTorch's layers: values, gradients and names of states", () => {
  test.each(cases.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const make = callables[name]
    if (!make) throw new Error(`no layer for the case '${name}' in torch-cases/layers.ts`)
    const callable = make()
    const layer = callable instanceof nn.Module ? callable : callable.layer
    if (layer) layer.loadStateDict(record(one.state))
    const inputs = one.inputs.map((t, i) => (one.inputGrads[i] ? variable(read(t), true) : read(t)))
    const call = callable instanceof nn.Module ? callable.forward.bind(callable) : callable.run
    const outputs = listOf((call as (...inputs: readonly Tensor[]) => Tensor)(...inputs))
    for (const [i, want] of one.outputs.entries())
      await expectClose(`output ${i}`, outputs[i]!, want)
    const parameters = layer?.namedParameters() ?? {}
    expect(Object.keys(parameters).sort()).toEqual(Object.keys(one.stateGrads).sort())
    const names = Object.keys(parameters)
    const known = inputs.filter((_, i) => one.inputGrads[i])
    const loss = outputs
      .filter((o) => o.dtype === 'f32')
      .map((o, i) => o.mul(read(one.cotangents[i]!)).sum())
      .reduce((a, b) => a.add(b))
    const grads =
      known.length + names.length ? grad(loss, [...known, ...Object.values(parameters)]) : []
    const wanted = [
      ...one.inputGrads.filter((g) => g !== null),
      ...names.map((n) => one.stateGrads[n]!),
    ]
    for (const [i, want] of wanted.entries()) await expectClose(`gradient ${i}`, grads[i]!, want)
    for (const [state, want] of Object.entries(one.after)) {
      await expectClose(`${state} after`, layer!.stateDict()[state]!, want)
    }
  })

  test('every layer of the table has a case', () => {
    const known = new Set(cases.map((one) => one.name))
    expect(Object.keys(callables).filter((name) => !known.has(name))).toEqual([])
  })
})
