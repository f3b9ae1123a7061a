import { type nn, Tensor, tensor, variable } from '../../src/index.ts'
import { stream } from '../property/dice.ts'

/** What a row of the table computes, and what gradients it is asked for. */
export interface Built {
  readonly outputs: readonly Tensor[]
  readonly wrt: readonly Tensor[]
}

/** Makes a sample anew, with the same numbers each time. */
export type Sample = () => Built
export type Samples = Readonly<Record<string, Sample>>

/** An input: a shape to be filled with numbers, a tensor, or numbers in an interval. */
export type Given = readonly number[] | Tensor | Interval

interface Interval {
  readonly shape: readonly number[]
  readonly low: number
  readonly high: number
}

/** Numbers of an interval, in a shape. */
export const within = (low: number, high: number, ...shape: readonly number[]): Interval => ({
  shape,
  low,
  high,
})
export const integers = (...values: readonly number[]): Tensor => tensor(values, { dtype: 'i32' })
export const truths = (...values: readonly boolean[]): Tensor => tensor(values)

/** A tensor, or several in a list or by name. */
type Result = object

/** Floating-point inputs are differentiated; so are the parameters. */
function build(inputs: readonly Given[], run: (...inputs: Tensor[]) => Result, of?: nn.AnyModule) {
  const random = stream(inputs.length + 1)
  const tensors = inputs.map((given) => inputOf(given, random))
  const result = run(...tensors)
  const outputs = result instanceof Tensor ? [result] : (Object.values(result) as Tensor[])
  const trained = of?.parameters() ?? []
  return { outputs, wrt: [...tensors.filter((t) => t.requiresGrad), ...trained] }
}

function inputOf(given: Given, random: () => number): Tensor {
  if (given instanceof Tensor) return given
  const { shape, low, high } = 'low' in given ? given : within(-2, 2, ...given)
  const size = shape.reduce((a, b) => a * b, 1)
  const values = Float32Array.from({ length: size }, () => low + (high - low) * random())
  return variable(tensor(values).reshape(shape), true)
}

/** A function of tensors. */
export const fn =
  (run: (...inputs: Tensor[]) => Result, ...inputs: readonly Given[]): Sample =>
  () =>
    build(inputs, run)

interface Forward {
  forward(...inputs: never[]): Result
}

/** A layer called on inputs. */
export const layer =
  (make: () => nn.AnyModule & Forward, ...inputs: readonly Given[]): Sample =>
  () => {
    const made = make()
    return build(inputs, (...given) => made.forward(...(given as never[])) as Result, made)
  }

/** A call of a module that takes more than tensors. */
export const called =
  <M extends nn.AnyModule>(
    make: () => M,
    run: (module: M, ...inputs: Tensor[]) => Result,
    ...inputs: readonly Given[]
  ): Sample =>
  () => {
    const made = make()
    return build(inputs, (...given) => run(made, ...given), made)
  }
