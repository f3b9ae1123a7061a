import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diagnose } from '../src/device/native/diagnose.ts'
import { createBackend, useBackend } from '../src/index.ts'
import { parity, runAll } from './parity/command.ts'
import { type Case, type Reference, readCases } from './parity/format.ts'
import { failureLines, skipLines } from './parity/report.ts'
import { modes, runCase } from './parity/run.ts'

/** The backends that must agree with PyTorch; `native` where there is a compiler for it. */
const compiler = await diagnose()
const backends = [
  { name: 'interpreter' },
  { name: 'wasm' },
  { name: 'native', missing: compiler.ok ? undefined : 'no C compiler works here' },
].map((one) => ({ ...one, title: one.missing ? `${one.name} (${one.missing})` : one.name }))

const folder = join(import.meta.dirname, 'parity-cases')
const cases = await readCases(folder)
const groups = [...new Set(cases.map((one) => one.group))]

describe.each(backends)('PyTorch reference cases on $title', ({ name, missing }) => {
  beforeAll(async () => {
    if (!missing) await useBackend(await createBackend(name))
  })
  afterAll(async () => useBackend(await createBackend('interpreter')))

  describe.each(modes)('%s', (mode) => {
    test.skipIf(missing).each(groups)('%s', async (group) => {
      const results = await runAll(
        cases.filter((one) => one.group === group),
        mode,
      )
      expect(failureLines(results)).toEqual([])
      expect(skipLines(results)).toEqual([])
    })
  })
})

describe('the runner', () => {
  const scratch = mkdtemp(join(tmpdir(), 'parity-'))
  afterAll(async () => rm(await scratch, { recursive: true }))

  const good = cases.find((one) => one.name === 'linear')!
  const off = (value: Reference): Reference => ({
    ...value,
    data: value.data.with(0, value.data[0]! + 0.01),
  })
  const written = async (name: string, text: string): Promise<string> => {
    const path = join(await mkdtemp(join(await scratch, 'case-')), name)
    await writeFile(path, text)
    return join(path, '..')
  }
  const one = (change: Readonly<Record<string, unknown>>) => ({
    ...good,
    inputs: Object.fromEntries(good.inputs),
    grads: Object.fromEntries(good.grads),
    final: {},
    ...change,
  })
  const folderOf = (...list: readonly unknown[]): Promise<string> =>
    written('matmul.json', JSON.stringify({ group: 'matmul', cases: list }))

  test.each(modes)('fails a wrong value, a wrong gradient, shape and dtype (%s)', async (mode) => {
    const [output] = good.outputs as readonly [Reference]
    const doctored: readonly Case[] = [
      { ...good, outputs: [off(output)] },
      { ...good, outputs: [{ ...output, shape: [3, 4] }] },
      { ...good, outputs: [{ ...output, dtype: 'i32' }] },
      { ...good, outputs: [output, output] },
      { ...good, outputs: [{ ...output, data: output.data.with(5, Number.NaN) }] },
      ...[...good.grads].map(([name, value]) => ({
        ...good,
        grads: new Map(good.grads).set(name, off(value)),
      })),
    ]
    for (const wrong of doctored)
      expect(await runCase(wrong, mode)).toMatchObject({ status: 'failed' })
    expect(await runCase(good, mode)).toMatchObject({ status: 'passed' })
  })

  test('prints case, tensor and largest error, and exits with 1', async () => {
    const path = await folderOf(one({}), one({ outputs: good.outputs.map(off) }))
    const { text, code } = await parity([path])
    expect(code).toBe(1)
    expect(text).toMatch(/FAILED {2}matmul \/ linear: output 0: largest error 0\.0100 at \[0\]/)
    expect(text).toMatch(/\n1 passed, 1 failed, 0 skipped$/)
  })

  test('skips by name what it does not know: ops and options', async () => {
    const path = await folderOf(
      one({ name: 'a new op', op: 'toString' }),
      one({ name: 'a new option', args: { transposed: true } }),
    )
    const { text, code } = await parity([path])
    expect(code).toBe(0)
    expect(text).toContain("matmul / a new op: not supported: op 'toString' is unknown")
    expect(text).toContain('matmul / a new option: not supported: option transposed')
    expect(text).toMatch(/\n0 passed, 0 failed, 2 skipped$/)
  })

  test.each([
    ['an unknown option', async () => ['--bckend', 'native'], /--bckend/],
    ['an unknown backend', async () => [folder, '--backend', 'gpu'], /backend: .*got 'gpu'/],
    ['an unknown mode', async () => [folder, '--mode', 'lazy'], /got --mode lazy/],
    ['an unknown group', async () => [folder, '--group', 'sound'], /got --group sound/],
    ['two folders', async () => [folder, folder], /one folder/],
    ['a missing folder', async () => [join(folder, 'none')], /none: .*ENOENT/],
    ['a folder without cases', async () => [await written('notes.md', '')], /no \*\.json/],
    ['a file that is not JSON', async () => [await written('a.json', '{"group":')], /a\.json: /],
    ['a list for a group', async () => [await written('a.json', '[]')], /a\.json: .*an object/],
    ['a case without a name', async () => [await folderOf({ op: 'add' })], /cases\[0\]/],
    [
      'values that do not fill the shape',
      async () => [await folderOf(one({ outputs: [{ shape: [2], dtype: 'f32', data: [1] }] }))],
      /outputs\[0\]: expected 2, got 1 values/,
    ],
  ])('refuses %s with 2 and one line', async (_, argv, message) => {
    const { text, code } = await parity(await argv())
    expect(code).toBe(2)
    expect(text).toMatch(message)
    expect(text).not.toContain('\n')
  })
})
