import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createBackend, useBackend } from '../src/index.ts'
import { int } from '../src/onnx/export/writer.ts'
import { codec } from '../src/onnx/file/codec.ts'
import { type Given, given, mixed, modelBytes, node, tensorProto } from './onnx-case.ts'
import { conformance } from './onnx-conformance/command.ts'
import { operatorRows } from './onnx-conformance/document.ts'

/** The command on a small suite of the same layout. */

const folder = mkdtempSync(join(tmpdir(), 'brickwork-conformance-'))
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await useBackend(await createBackend('interpreter'))
})

type Parts = Parameters<typeof modelBytes>[0]

async function write(name: string, parts: Parts, outputs: readonly Given[]): Promise<void> {
  const set = join(folder, name, 'test_data_set_0')
  mkdirSync(set, { recursive: true })
  writeFileSync(join(folder, name, 'model.onnx'), await modelBytes(parts))
  const { encode } = await codec()
  const put = (file: string, array: Given) =>
    writeFileSync(join(set, file), encode('TensorProto', tensorProto('', array)))
  Object.values(parts.inputs).forEach((array, i) => {
    put(`input_${i}.pb`, array)
  })
  outputs.forEach((array, i) => {
    put(`output_${i}.pb`, array)
  })
}

beforeAll(async () => {
  const x = given('float', [3], 1, -2, 3)
  const one = (opType: string, attributes = {}): Parts => ({
    nodes: [node(opType, ['x'], ['y'], attributes)],
    inputs: { x },
    outputs: ['y'],
  })
  await write('test_good', one('Neg'), [given('float', [3], -1, 2, -3)])
  await write('test_near', one('Neg'), [given('float', [3], -1.0005, 2, -3)])
  await write('test_wrong', one('Neg'), [given('float', [3], -1, 2, -3.1)])
  await write('test_shape', one('Neg'), [given('float', [3, 1], -1, 2, -3)])
  await write('test_type', one('Neg'), [given('int32', [3], -1, 2, -3)])
  await write('test_unknown', one('Mystery'), [x])
  await write('test_string', one('Cast', { to: int(8) }), [x])
  await write('test_random', one('RandomUniformLike'), [x])
  await write('test_crash', one('Transpose', { perm: { ints: [5], type: 7 } }), [x])
  await write('test_exact', { ...one('Neg'), inputs: { x: given('int32', [2], 4, 5) } }, [
    given('int32', [2], -4, -5),
  ])
  await write('test_large', { ...one('Neg'), inputs: { x: given('double', [1], 1e300) } }, [
    given('double', [1], -1e300),
  ])
  await write(
    'test_matmul',
    { nodes: [node('MatMul', ['x', 'x'], ['y'])], inputs: { x: mixed(2, 2) }, outputs: ['y'] },
    [mixed(2, 2)],
  )
})

test.each(['interpreter', 'wasm'])('passes, failures and reasons: %s', async (backend) => {
  const { text, code } = await conformance([folder, '--backend', backend])
  expect(code).toBe(1)
  const lines = text.split('\n')
  expect(lines[0]).toMatch(new RegExp(`^backend ${backend}`))
  expect(lines.slice(1, 6)).toEqual([
    expect.stringMatching(/^FAILED test_crash: .*Transpose/),
    expect.stringMatching(/^FAILED test_matmul: y: .* instead of .* at 0 of 4/),
    'FAILED test_shape: y: shape [3] instead of [3, 1]',
    'FAILED test_type: y: float instead of int32',
    expect.stringMatching(/^FAILED test_wrong: y: -3 instead of -3.0999/),
  ])
  expect(lines.slice(6)).toEqual([
    'skipped 1: element type string',
    'skipped 1: numbers beyond the range of f32',
    'skipped 1: operator Mystery',
    'skipped 1: random numbers of RandomUniformLike',
    '3 passed, 5 failed, 4 skipped',
  ])
})

test('docs/onnx.md lists the operators as they are: run npm run onnx-conformance -- … --document', () => {
  const text = readFileSync('docs/onnx.md', 'utf8')
  const fresh = operatorRows([])
  const rowOf = (line: string) => line.split('|').slice(1, 4).join('|')
  const rows = text.split('\n').filter((line) => line.startsWith('| '))
  const written = rows.slice(rows.findIndex((line) => line.startsWith('| operator |')))
  expect(written.map(rowOf)).toEqual(fresh.map(rowOf))
})

test('a filter, a list, and calls that make no sense', async () => {
  const good = await conformance([folder, '--filter', 'good', '--list', '--backend', 'interpreter'])
  expect(good).toEqual({
    code: 0,
    text: 'backend interpreter\npassed test_good\n1 passed, 0 failed, 0 skipped',
  })
  expect((await conformance([join(folder, 'test_good'), '--backend', 'interpreter'])).code).toBe(0)
  expect((await conformance([])).code).toBe(2)
  expect((await conformance([join(folder, 'nowhere')])).code).toBe(2)
  expect((await conformance([folder, '--filter', 'nothing like it'])).code).toBe(2)
  expect((await conformance([folder, '--bakend', 'wasm'])).text).toContain('--backend')
})
