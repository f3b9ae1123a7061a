import { BrickError, compile, grad, Tensor, tensor, variable } from '../../src/index.ts'
import { compare, type Difference } from './compare.ts'
import type { Case, Reference } from './format.ts'
import { Args, Inputs, NotSupported } from './reading.ts'
import type { Prepare, Procedure, Row } from './rows.ts'
import { procedures, rows } from './table.ts'

/** How tensors are computed: when asked for, or as one compiled program that is called twice. */
export const modes = ['eager', 'compiled'] as const
export type Mode = (typeof modes)[number]

/** How a case ended. */
export type Result = { readonly case: Case } & (
  | { readonly status: 'passed'; readonly note?: string | undefined }
  | { readonly status: 'failed'; readonly differences: readonly Difference[] }
  | { readonly status: 'skipped'; readonly reason: string }
)

/** Runs one case on the backend in use. Never throws: what goes wrong is the result. */
export async function runCase(one: Case, mode: Mode): Promise<Result> {
  try {
    const { differences, note } = await differencesOf(one, mode)
    return differences.length > 0
      ? { case: one, status: 'failed', differences }
      : { case: one, status: 'passed', note }
  } catch (error) {
    if (error instanceof NotSupported) {
      return { case: one, status: 'skipped', reason: error.message }
    }
    const detail = error instanceof BrickError ? error.message : String(error)
    return { case: one, status: 'failed', differences: [{ tensor: 'error', detail }] }
  }
}

interface Findings {
  readonly differences: readonly Difference[]
  /** What was compared less strictly than the case says, and why. */
  readonly note?: string
}

async function differencesOf(one: Case, mode: Mode): Promise<Findings> {
  const procedure = own(procedures, one.op)
  if (procedure) return runProcedure(one, mode, procedure)
  const row = own(rows, one.op)
  if (!row) throw new NotSupported(`op '${one.op}' is unknown`)
  return { differences: await (mode === 'eager' ? runEager(one, row) : runCompiled(one, row)) }
}

const own = <T>(table: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined

const toTensor = ({ data, dtype, shape }: Reference): Tensor =>
  tensor(data, { dtype }).reshape(shape)

const inputsOf = (one: Case): Map<string, Tensor> =>
  new Map([...one.inputs].map(([name, value]) => [name, toTensor(value)]))

/** The row's outputs; a case with options that the row does not know is refused. */
function outputsOf(row: Row, one: Case, inputs: ReadonlyMap<string, Tensor>): readonly Tensor[] {
  const args = new Args(one.args)
  const result = row(new Inputs(inputs), args)
  args.finish()
  return result instanceof Tensor ? [result] : result
}

/** Σ output · cotangent over the floating-point outputs. */
function weigh(outputs: readonly Tensor[], cotangents: readonly Tensor[]): Tensor {
  return outputs
    .filter((output) => output.dtype === 'f32')
    .map((output, i) => output.mul(cotangents[i]!).sum())
    .reduce((sum, term) => sum.add(term))
}

async function runEager(one: Case, row: Row): Promise<Difference[]> {
  const inputs = inputsOf(one)
  for (const name of one.grads.keys()) inputs.set(name, variable(inputs.get(name)!, true))
  const outputs = outputsOf(row, one, inputs)
  if (one.grads.size > 0) weigh(outputs, one.cotangents.map(toTensor)).backward()
  const grads = [...one.grads.keys()].map((name) => inputs.get(name)!.grad)
  return compareAll(one, outputs, grads)
}

async function runCompiled(one: Case, row: Row): Promise<Difference[]> {
  const names = [...one.inputs.keys()]
  const wrt = [...one.grads.keys()]
  const program = compile((...given: Tensor[]): Tensor[] => {
    const inputs = new Map(names.map((name, i) => [name, given[i]!]))
    const outputs = outputsOf(row, one, inputs)
    if (wrt.length === 0) return [...outputs]
    const loss = weigh(outputs, given.slice(names.length))
    const grads = grad(
      loss,
      wrt.map((name) => inputs.get(name)!),
    )
    return [...outputs, ...grads]
  })
  const given = [...inputsOf(one).values(), ...one.cotangents.map(toTensor)]
  const differences: Difference[] = []
  // The second call replays the program.
  for (const call of ['first call', 'replay']) {
    const results = program(...given)
    const count = results.length - wrt.length
    const found = await compareAll(one, results.slice(0, count), results.slice(count))
    differences.push(...found.map((d) => ({ ...d, tensor: `${d.tensor} (${call})` })))
  }
  return differences
}

async function compareAll(
  one: Case,
  outputs: readonly Tensor[],
  grads: readonly (Tensor | undefined)[],
): Promise<Difference[]> {
  const found: Difference[] = []
  if (outputs.length !== one.outputs.length) {
    const detail = `expected ${one.outputs.length}, got ${outputs.length}`
    found.push({ tensor: 'number of outputs', detail })
  }
  for (const [i, want] of one.outputs.entries()) {
    found.push(...(await compare(`output ${i}`, outputs[i], want, one.tol)))
  }
  for (const [i, [name, want]] of [...one.grads].entries()) {
    found.push(...(await compare(`gradient of ${name}`, grads[i], want, one.tol)))
  }
  return found
}

async function runProcedure(one: Case, mode: Mode, run: Procedure): Promise<Findings> {
  const prepare: Prepare = (step) => (mode === 'compiled' ? compile(step) : step)
  const args = new Args(one.args)
  const { outputs, final, loose } = await run(new Inputs(inputsOf(one)), args, prepare, one.name)
  args.finish()
  const differences = await compareAll(one, outputs, [])
  for (const [name, want] of one.final) {
    const tol = loose?.names.includes(name) ? Math.max(loose.tolerance, one.tol) : one.tol
    differences.push(...(await compare(`final ${name}`, final?.get(name), want, tol)))
  }
  if (!loose) return { differences }
  const { names, tolerance, reason } = loose
  return { differences, note: `final ${names.join(', ')} within ${tolerance}: ${reason}` }
}
