import { expect, test } from 'vitest'
import type { Graph } from '../src/compile/compile.ts'
import { compileGraph } from '../src/compile/compile.ts'
import { make } from '../src/graph/make.ts'
import type { Node } from '../src/graph/node.ts'
import { printProgram } from '../src/loop/print.ts'
import { checkProgram } from '../src/loop/spec.ts'
import type { Target } from '../src/loop/target.ts'
import { renderC } from '../src/render/c/render.ts'
import { renderWasm } from '../src/render/wasm/render.ts'
import { binary, broadcastTo } from '../src/tensor/compose/arithmetic.ts'
import { matmul } from '../src/tensor/compose/contraction.ts'
import { softmax } from '../src/tensor/compose/reduce.ts'
import { disassemble } from './disassemble.ts'

/** What a few graphs become: reviewed when they change. */

const avx512: Target = { lanes: 16, registers: 32, fma: true, l1: 49152, l2: 1048576 }
const wasm: Target = { lanes: 4, registers: 15, fma: false, l1: 32768, l2: 524288 }

const input = (shape: readonly number[]): Node<'buffer'> =>
  make('buffer', [], { source: {}, shape, dtype: 'f32' }) as Node<'buffer'>

function graphs(): Record<string, Graph> {
  const [x, bias] = [input([8, 48]), input([48])]
  const relu = binary(
    'max',
    binary('add', x, bias),
    broadcastTo(make('constant', [], { value: 0, shape: [], dtype: 'f32' }), [8, 48]),
  )
  const rows = input([4, 64])
  const [a, b, c] = [input([64, 64]), input([64, 64]), input([64])]
  return {
    'bias and relu': { buffers: [x, bias], outputs: [relu], updates: [] },
    'softmax rows': { buffers: [rows], outputs: [softmax(rows, 1)], updates: [] },
    'matmul and bias': {
      buffers: [a, b, c],
      outputs: [binary('add', matmul(a, b), c)],
      updates: [],
    },
  }
}

test.each(Object.entries(graphs()))('%s', async (name, graph) => {
  const file = name.replaceAll(' ', '-')
  const native = compileGraph(graph, avx512)
  checkProgram(native)
  await expect(printProgram(native)).toMatchFileSnapshot(`__snapshots__/${file}.loops.txt`)
  await expect(renderC(native).join('\n')).toMatchFileSnapshot(`__snapshots__/${file}.c`)
  const program = compileGraph(graph, wasm)
  checkProgram(program)
  const features = { relaxedSimd: false, shared: true, maxPages: 65536 }
  const bytes = renderWasm(program, features) as Uint8Array<ArrayBuffer>
  expect(WebAssembly.validate(bytes)).toBe(true)
  await expect(await disassemble(bytes)).toMatchFileSnapshot(`__snapshots__/${file}.wasm.txt`)
})
