import { currentScope } from '../../graph/make.ts'
import { arange, zeros } from '../../tensor/create.ts'
import { cat, einsum, stack } from '../../tensor/functions.ts'
import { requireIndices } from '../../tensor/known-values.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { dropout } from '../dropout/dropout.ts'
import { uniform } from '../init/init.ts'
import { refuseInput, refuseOption, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import { elmanRelu, elmanTanh, gru, lstm, type Rule } from './recurrent-cells.ts'
import { inputBias, type Passed, passOf, type RecurrentWeights } from './recurrent-direction.ts'

export interface RecurrentOptions {
  /** Layers, each of which reads the outputs of the one before (default 1). */
  readonly numLayers?: number
  /** Whether biases are added (default true). */
  readonly bias?: boolean
  /** Sequences are [batch, T, …] in place of [T, batch, …] (default false). */
  readonly batchFirst?: boolean
  /** Probability of dropout on the outputs of all layers but the last (default 0). */
  readonly dropout?: number
  /** A second pass from the end to the beginning, its outputs beside the first one's (default false). */
  readonly bidirectional?: boolean
  /** Write the rounds out one by one, so that each can be looked at (default false: a loop). */
  readonly unroll?: boolean
}

export interface RnnOptions extends RecurrentOptions {
  readonly nonlinearity?: 'tanh' | 'relu'
}

export interface LstmOptions extends RecurrentOptions {
  /** Size to which outputs are projected; 0: none (default). */
  readonly projSize?: number
}

export interface RecurrentInput {
  /** The first states, [layers · directions, batch, hidden]; zero if not given. */
  readonly h?: Tensor
  /** The length of each sequence of the batch, 0 … T, [batch] in any order: what lies behind it is padding. */
  readonly lengths?: Tensor
}

export interface LstmInput extends RecurrentInput {
  /** The first cell states, as `h`. */
  readonly c?: Tensor
}

export interface RecurrentOutput {
  /** Outputs of the last layer, [T, batch, directions · hidden] (or batch first); 0 on padding. */
  readonly output: Tensor
  /** Each layer's and direction's state after its last element, [layers · directions, batch, hidden]. */
  readonly h: Tensor
}

export interface LstmOutput extends RecurrentOutput {
  /** The cell states, as `h`. */
  readonly c: Tensor
}

/** What RNN, LSTM and GRU share: layers and directions. */
abstract class Recurrent<In extends RecurrentInput, Out> extends Module<
  [x: Tensor, given?: In],
  Out
> {
  readonly inputSize: number
  readonly hiddenSize: number
  readonly options: Required<RecurrentOptions>
  private readonly rule: Rule
  private readonly outputSize: number

  constructor(
    rule: Rule,
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions,
    projSize = 0,
  ) {
    super()
    const { name } = new.target
    const { numLayers = 1, bias = true, batchFirst = false, bidirectional = false } = options
    const { dropout: probability = 0, unroll = false } = options
    requireSizes(name, { inputSize, hiddenSize, numLayers })
    if (!(probability >= 0 && probability <= 1))
      throw refuseOption(name, `dropout = ${probability}`, 'a probability from 0 to 1')
    if (projSize !== 0 && !(Number.isInteger(projSize) && projSize > 0 && projSize < hiddenSize))
      throw refuseOption(
        name,
        `projSize = ${projSize}`,
        `a whole number from 1 to ${hiddenSize - 1}`,
      )
    this.rule = rule
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    this.outputSize = projSize || hiddenSize
    this.options = { numLayers, bias, batchFirst, dropout: probability, bidirectional, unroll }
    Object.assign(this, this.begin(projSize))
  }

  /** All parameters, under PyTorch's names (`bias_hh_l1_reverse`); they begin as U(±1/√hidden). */
  private begin(projSize: number): Record<string, Tensor> {
    const { rule, inputSize, hiddenSize, outputSize, options } = this
    const bound = 1 / Math.sqrt(hiddenSize)
    const rows = rule.gates * hiddenSize
    const made: Record<string, Tensor> = {}
    const draw = (name: string, shape: readonly number[]) => {
      made[name] = parameter(uniform(shape, -bound, bound))
    }
    for (const { layer, suffix } of this.passes) {
      const inputs = layer === 0 ? inputSize : outputSize * this.directions
      draw(`weight_ih_${suffix}`, [rows, inputs])
      draw(`weight_hh_${suffix}`, [rows, outputSize])
      if (options.bias) {
        draw(`bias_ih_${suffix}`, [rows])
        draw(`bias_hh_${suffix}`, [rows])
      }
      if (projSize > 0) draw(`weight_hr_${suffix}`, [projSize, hiddenSize])
    }
    return made
  }

  private get directions(): number {
    return this.options.bidirectional ? 2 : 1
  }

  /** Layers and directions, in the order of the states. */
  private get passes(): { layer: number; reverse: boolean; suffix: string }[] {
    const { numLayers, bidirectional } = this.options
    return Array.from({ length: numLayers }, (_, layer) =>
      (bidirectional ? [false, true] : [false]).map((reverse) => ({
        layer,
        reverse,
        suffix: `l${layer}${reverse ? '_reverse' : ''}`,
      })),
    ).flat()
  }

  private weightsOf(suffix: string): RecurrentWeights {
    const fields = this as unknown as Readonly<Record<string, Tensor | undefined>>
    const of = (name: string) => fields[`${name}_${suffix}`]
    return {
      input: of('weight_ih')!,
      hidden: of('weight_hh')!,
      inputBias: of('bias_ih'),
      hiddenBias: of('bias_hh'),
      projection: of('weight_hr'),
    }
  }

  /** Outputs and last states, of states that begin as given. */
  protected run(
    x: Tensor,
    given: readonly (Tensor | undefined)[],
    lengths: Tensor | undefined,
  ): { output: Tensor; final: readonly Tensor[] } {
    const { rule, options, directions, outputSize, hiddenSize } = this
    const single = x.rank === 2
    const [T, batch] = this.check(x)
    const sizes = Array.from({ length: rule.states }, (_, i) => (i === 0 ? outputSize : hiddenSize))
    const initial = sizes.map((size, i) => this.initial(given[i], size, batch, single))
    const active = lengths && this.active(lengths, T, batch)
    const finals: (readonly Tensor[])[] = []
    // The first layer reads [T, batch, in], the others what their predecessors leave: [T, in, batch].
    let layout = single ? 'ti' : options.batchFirst ? 'bti' : 'tbi'
    let inputs = x
    for (let layer = 0; layer < options.numLayers; layer++) {
      const passed = this.passes
        .slice(layer * directions, (layer + 1) * directions)
        .map((pass, d) => {
          const w = this.weightsOf(pass.suffix)
          const out = layout.includes('b') ? 'tgb' : 'tg'
          const product = einsum(`gi,${layout}->${out}`, w.input, inputs)
          const columns = layout.includes('b') ? product : product.unsqueeze(2)
          const bias = inputBias(rule, w)
          return passOf(rule, w, {
            given: bias ? columns.add(bias) : columns,
            initial: initial.map((state) => state.slice(layer * directions + d)),
            reverse: pass.reverse,
            active,
            unroll: options.unroll,
          })
        })
      finals.push(...passed.map(({ final }) => final))
      inputs = this.between(passed, layer)
      layout = 'tib'
    }
    const final = initial.map((_, i) => {
      const all = stack(finals.map((states) => states[i]!)).permute([0, 2, 1])
      return single ? all.squeeze(1) : all
    })
    const output = single
      ? inputs.squeeze(2)
      : inputs.permute(options.batchFirst ? [2, 0, 1] : [0, 2, 1])
    return { output, final }
  }

  /** Outputs of both directions together, and dropout before the next layer. */
  private between(passed: readonly Passed[], layer: number): Tensor {
    const { numLayers, dropout: p } = this.options
    const [only] = passed
    const all =
      passed.length > 1
        ? cat(
            passed.map(({ outputs }) => outputs),
            1,
          )
        : only!.outputs
    return p > 0 && this.training && layer + 1 < numLayers ? dropout(all, p) : all
  }

  private check(x: Tensor): [T: number, batch: number] {
    const { inputSize, options } = this
    const order = options.batchFirst ? '[batch, T, in]' : '[T, batch, in]'
    if (x.rank !== 2 && x.rank !== 3) throw refuseInput(x.shape, `${order} or [T, in]`)
    if (x.shape.at(-1) !== inputSize) {
      const got = `${x.shape.at(-1)} in [${x.shape.join(', ')}]`
      throw refuseInput(x.shape, `${inputSize} input features`, got)
    }
    const [T, batch] = x.rank === 2 ? [x.shape[0]!, 1] : (x.shape as readonly number[])
    const lengths = options.batchFirst && x.rank === 3 ? [batch!, T!] : [T!, batch!]
    if (lengths[0]! < 1)
      throw refuseInput(x.shape, 'at least one element', undefined, 'Leave empty sequences out.')
    return lengths as [number, number]
  }

  /** First states in columns: [layers · directions, size, batch]. */
  private initial(given: Tensor | undefined, size: number, batch: number, single: boolean): Tensor {
    const count = this.options.numLayers * this.directions
    if (!given) return zeros([count, size, batch])
    const wanted = single ? [count, size] : [count, batch, size]
    if (given.shape.join() !== wanted.join())
      throw refuseInput(given.shape, `first states [${wanted.join(', ')}]`)
    return (single ? given.unsqueeze(1) : given).permute([0, 2, 1])
  }

  private active(lengths: Tensor, T: number, batch: number): Tensor {
    if (lengths.shape.join() !== `${batch}`)
      throw refuseInput(lengths.shape, `${batch} lengths, one for each sequence`)
    requireIndices(currentScope() || 'nn', lengths, T + 1, 'length')
    return arange(T).unsqueeze(1).lt(lengths.to('i32').unsqueeze(0))
  }

  protected override describe(): string {
    const { numLayers, bidirectional, batchFirst } = this.options
    const parts = [
      `${this.inputSize}, ${this.hiddenSize}`,
      ...(numLayers > 1 ? [`numLayers=${numLayers}`] : []),
      ...(bidirectional ? ['bidirectional'] : []),
      ...(batchFirst ? ['batchFirst'] : []),
    ]
    return parts.join(', ')
  }
}

/**
 * A recurrent network: h ← tanh(W x + b + U h + b′), or with ReLU. x [T, batch, in] → output
 * [T, batch, hidden], h [layers · directions, batch, hidden]; also [T, in] without a batch.
 * Parameters and their names are torch.nn.RNN's.
 *
 * Source: Elman, “Finding structure in time”, 1990.
 *
 * @throws BrickError `shape` for other features, states or lengths than the layer's, and for T = 0.
 * @example
 * ```ts
 * const { output, h } = new nn.RNN(8, 16).forward(zeros([5, 2, 8]))
 * output.shape // [5, 2, 16]
 * ```
 */
export class RNN extends Recurrent<RecurrentInput, RecurrentOutput> {
  constructor(inputSize: number, hiddenSize: number, options: RnnOptions = {}) {
    const { nonlinearity = 'tanh' } = options
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw refuseOption('RNN', `nonlinearity = ${nonlinearity}`, "'tanh' or 'relu'")
    super(nonlinearity === 'relu' ? elmanRelu : elmanTanh, inputSize, hiddenSize, options)
  }

  forward(x: Tensor, { h, lengths }: RecurrentInput = {}): RecurrentOutput {
    const { output, final } = this.run(x, [h], lengths)
    return { output, h: final[0]! }
  }
}

/**
 * Gated recurrent units: r, z ← σ(…), n ← tanh(W x + b + r·(U h + b′)), h ← (1 − z)·n + z·h.
 * Shapes as {@link RNN}; parameters and their names are torch.nn.GRU's (gates in the order r, z, n).
 *
 * Source: Cho et al., “Learning phrase representations using RNN encoder–decoder”, 2014.
 *
 * @throws BrickError `shape` for other features, states or lengths than the layer's, and for T = 0.
 * @example
 * ```ts
 * // Sequences of 5 and 3 elements; what comes after them is padding.
 * const { h } = new nn.GRU(8, 16).forward(zeros([5, 2, 8]), { lengths: tensor([5, 3]) })
 * h.shape // [1, 2, 16]
 * ```
 */
export class GRU extends Recurrent<RecurrentInput, RecurrentOutput> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(gru, inputSize, hiddenSize, options)
  }

  forward(x: Tensor, { h, lengths }: RecurrentInput = {}): RecurrentOutput {
    const { output, final } = this.run(x, [h], lengths)
    return { output, h: final[0]! }
  }
}

/**
 * Long short-term memory: i, f, o ← σ(…), g ← tanh(…), c ← f·c + i·g, h ← o·tanh(c). Shapes as
 * {@link RNN}; parameters and their names are torch.nn.LSTM's (gates in the order i, f, g, o).
 *
 * Source: Hochreiter and Schmidhuber, “Long short-term memory”, 1997.
 *
 * @throws BrickError `shape` for other features, states or lengths than the layer's, and for T = 0.
 * @example
 * ```ts
 * const lstm = new nn.LSTM(8, 16, { numLayers: 2, bidirectional: true })
 * const { output, h, c } = lstm.forward(zeros([5, 2, 8]))
 * output.shape // [5, 2, 32]
 * ```
 */
export class LSTM extends Recurrent<LstmInput, LstmOutput> {
  constructor(inputSize: number, hiddenSize: number, options: LstmOptions = {}) {
    super(lstm, inputSize, hiddenSize, options, options.projSize)
  }

  forward(x: Tensor, { h, c, lengths }: LstmInput = {}): LstmOutput {
    const { output, final } = this.run(x, [h, c], lengths)
    return { output, h: final[0]!, c: final[1]! }
  }
}
