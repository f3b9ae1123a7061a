import type { DType, TypedArray } from '../base/dtype.ts'
import { BrickError } from '../base/errors.ts'
import type { Shape } from '../base/shape.ts'
import { compileGraph } from '../compile/compile.ts'
import type { Program } from '../loop/ir.ts'
import type { Target } from '../loop/target.ts'
import { type Result, traceOnly } from './compile.ts'
import { zeros } from './create.ts'
import { contents, evaluatePending } from './engine.ts'
import { noGrad } from './grad-mode.ts'
import { Tensor } from './tensor.ts'

/** Shape and type of what goes in or comes out. */
export interface PortType {
  readonly dtype: DType
  readonly shape: Shape
}

/** A function as a program for some machine, with all that it needs besides its inputs. */
export interface AheadProgram {
  /** Its slots are, from 1 on: inputs, constants, outputs. */
  readonly program: Program
  readonly inputs: readonly PortType[]
  /** Weights and other arrays, as they are now. */
  readonly constants: readonly TypedArray[]
  readonly outputs: readonly PortType[]
}

/**
 * Compiles a function of tensors for a target, to be run elsewhere: nothing is run here.
 *
 * @throws BrickError `argument` for a function that updates states, as in training.
 */
export async function compileAhead(
  fn: (...inputs: Tensor[]) => Result,
  inputs: readonly PortType[],
  target: Target,
): Promise<AheadProgram> {
  const examples = inputs.map(({ dtype, shape }) => zeros(shape, dtype))
  const { task, outputs, captured } = noGrad(() => traceOnly(fn, examples))
  if (task.updates.length > 0) {
    throw new BrickError({
      kind: 'argument',
      where: 'compileAhead',
      wanted: 'a function that changes nothing',
      got: `one that updates ${task.updates.length} states`,
      remedy: 'Put the model into evaluation mode: model.eval().',
    })
  }
  evaluatePending()
  const storages = captured.map((held) => (held instanceof Tensor ? held.storage! : held))
  const constants = await Promise.all(storages.map((storage) => contents(storage)))
  const program = compileGraph(task, target)
  return {
    program,
    inputs,
    constants,
    outputs: outputs.map(({ dtype, shape }) => ({ dtype, shape })),
  }
}
