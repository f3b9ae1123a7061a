import type { Tensor } from '../../src/index.ts'
import type { Args, Inputs } from './reading.ts'

/** How Brickwork computes an op of the reference cases: outputs from inputs and options. */
export type Row = (inputs: Inputs, args: Args) => Tensor | readonly Tensor[]
export type Rows = Readonly<Record<string, Row>>

/** Makes a step ready to be called many times: as it is, or compiled. */
export type Prepare = <A extends readonly Tensor[]>(
  step: (...args: A) => Tensor,
) => (...args: A) => Tensor

/** What a procedure leaves: the outputs, and its states at the end by name. */
export interface Outcome {
  readonly outputs: readonly Tensor[]
  readonly final?: ReadonlyMap<string, Tensor>
  /** Final states that the reference itself does not determine. */
  readonly loose?: Loose
}

/** States of which the reference holds rounding noise, how far that may reach, and why. */
export interface Loose {
  readonly names: readonly string[]
  readonly tolerance: number
  readonly reason: string
}

/** A case that runs many steps: an optimiser, a training. */
export type Procedure = (
  inputs: Inputs,
  args: Args,
  prepare: Prepare,
  name: string,
) => Promise<Outcome>
export type Procedures = Readonly<Record<string, Procedure>>
