import { make } from '../../src/graph/make.ts'
import { type Node, topological } from '../../src/graph/node.ts'
import type { Values } from '../../src/interpreter/interpreter.ts'
import type { Backend } from '../../src/tensor/backend.ts'
import { plan } from '../../src/tensor/engine.ts'
import { Storage } from '../../src/tensor/storage.ts'
import { differentiable, type Graph, gradientsOf, show } from './graph.ts'
import { expectation } from './noise.ts'

/**
 * Evaluates a graph and its gradients by the interpreter in double precision, and by a backend,
 * with an update in place of every differentiable leaf (leaf + gradient). Each element must be as
 * near as f32 can be asked to be; a second run must give the same bits.
 *
 * Returns false, without an opinion, if rounding can turn a decision in the graph around.
 * Throws an Error that shows the graph if they disagree.
 */
export async function compareBackends(graph: Graph, backend: Backend): Promise<boolean> {
  const grads = gradientsOf(graph)
  const leaves = differentiable(graph)
  const outputs = [...graph.outputs, ...grads]
  const stepped = grads.map((g, i) => make('add', [leaves[i]!.node, g], {}))
  const expected = expectation([...outputs, ...stepped], (node) =>
    (node.attrs.source as Storage).read(),
  )
  if (!expected) return false

  const updates = stepped.map((value, i) => ({
    storage: leaves[i]!.node.attrs.source as Storage,
    value,
  }))
  const { task, storages } = plan(outputs, updates, false)
  const runnable = await backend.prepare(task)
  const run = async () => {
    const own = storages.map(({ dtype, size, read }, i) => {
      return new Storage(dtype, size, read.call(storages[i]!).slice())
    })
    const results = outputs.map((node) => new Storage(node.dtype, sizeOf(node)))
    await runnable.run(own, results)
    const updated = updates.map(({ storage }) => own[storages.indexOf(storage)]!)
    return [...results, ...updated].map((storage) => storage.read())
  }
  // Convolutions leave out what padding, strides and gaps would multiply by zero.
  const spared = topological(outputs).some(
    (node) => node.is('convolution') || node.is('convolutionWeight'),
  )
  const first = await run()
  const second = await run()
  first.forEach((got, i) => {
    const what = nameOf(i, graph.outputs.length, grads.length)
    const off = farthest(got, expected.values[i]!, expected.tolerances[i]!, spared)
    const again = got.findIndex((v, j) => !Object.is(v, second[i]![j]!))
    const wrong = off ?? (again >= 0 ? `[${again}] differs in the second run` : undefined)
    if (wrong) throw new Error(`${backend.name}: ${what}: ${wrong}\n${show(outputs)}`)
  })
  return true
}

const sizeOf = (node: Node): number => node.shape.reduce((a, b) => a * b, 1)

function nameOf(i: number, outputs: number, grads: number): string {
  if (i < outputs) return `output ${i}`
  if (i < outputs + grads) return `gradient ${i - outputs}`
  return `updated leaf ${i - outputs - grads}`
}

/**
 * The element farthest outside its tolerance, in words. With `spared`, where double precision has a
 * NaN anything goes: it may be the product of an infinity with a zero that is never multiplied.
 */
function farthest(
  got: ArrayLike<number>,
  want: Values,
  tolerance: Values,
  spared: boolean,
): string | undefined {
  let [worst, where] = [1, -1]
  want.forEach((wanted, i) => {
    const mine = got[i]!
    const equal = Object.is(mine, wanted) || mine === wanted || (spared && Number.isNaN(wanted))
    const ratio = equal ? 0 : Math.abs(mine - wanted) / tolerance[i]!
    // An infinity beside a number, or a NaN, is as wrong as can be.
    const excess = Number.isNaN(ratio) ? Number.POSITIVE_INFINITY : ratio
    if (excess > worst) [worst, where] = [excess, i]
  })
  if (where < 0) return undefined
  return `expected ${want[where]} ± ${tolerance[where]!.toPrecision(2)} at [${where}], got ${got[where]}`
}
