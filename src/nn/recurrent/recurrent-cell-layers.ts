import { zeros } from '../../tensor/create.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { uniform } from '../init/init.ts'
import { refuseInput, refuseOption, requireSizes } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { parameter } from '../module/parameter.ts'
import { elmanRelu, elmanTanh, gru, lstm, type Rule } from './recurrent-cells.ts'
import { inputBias, round } from './recurrent-direction.ts'

export interface CellOptions {
  /** Whether biases are added (default true). */
  readonly bias?: boolean
}

export interface RnnCellOptions extends CellOptions {
  readonly nonlinearity?: 'tanh' | 'relu'
}

/** One round of a recurrent rule, with weights of its own. */
abstract class Cell<In extends readonly unknown[], Out> extends Module<In, Out> {
  readonly inputSize: number
  readonly hiddenSize: number
  weight_ih: Tensor
  weight_hh: Tensor
  bias_ih: Tensor | undefined
  bias_hh: Tensor | undefined
  private readonly rule: Rule

  constructor(rule: Rule, inputSize: number, hiddenSize: number, { bias = true }: CellOptions) {
    super()
    requireSizes(new.target.name, { inputSize, hiddenSize })
    this.rule = rule
    this.inputSize = inputSize
    this.hiddenSize = hiddenSize
    const bound = 1 / Math.sqrt(hiddenSize)
    const draw = (...shape: number[]) => parameter(uniform(shape, -bound, bound))
    const rows = rule.gates * hiddenSize
    this.weight_ih = draw(rows, inputSize)
    this.weight_hh = draw(rows, hiddenSize)
    this.bias_ih = bias ? draw(rows) : undefined
    this.bias_hh = bias ? draw(rows) : undefined
  }

  /** x [batch, in] and states [batch, hidden], or both without the batch. */
  protected step(x: Tensor, given: readonly (Tensor | undefined)[]): Tensor[] {
    const { rule, inputSize, hiddenSize } = this
    if (x.shape.at(-1) !== inputSize || x.rank > 2)
      throw refuseInput(x.shape, `[batch, ${inputSize}] or [${inputSize}]`)
    const shape = [...x.shape.slice(0, -1), hiddenSize]
    const columns = (t: Tensor) => (t.rank === 1 ? t.unsqueeze(1) : t.transpose())
    const states = Array.from({ length: rule.states }, (_, i) => {
      const state = given[i] ?? zeros(shape)
      if (state.shape.join() === shape.join()) return columns(state)
      throw refuseInput(state.shape, `a state [${shape.join(', ')}]`)
    })
    const w = {
      input: this.weight_ih,
      hidden: this.weight_hh,
      inputBias: this.bias_ih,
      hiddenBias: this.bias_hh,
      projection: undefined,
    }
    const product = this.weight_ih.matmul(columns(x))
    const bias = inputBias(rule, w)
    const next = round(rule, w, states, bias ? product.add(bias) : product)
    return next.states.map((state) => (x.rank === 1 ? state.squeeze(1) : state.transpose()))
  }

  protected override describe(): string {
    return `${this.inputSize}, ${this.hiddenSize}`
  }
}

/**
 * One round of {@link RNN}: x [batch, in], h [batch, hidden] → h′. As torch.nn.RNNCell.
 *
 * @throws BrickError `shape` for other sizes than the cell's.
 * @example
 * ```ts
 * const h = new nn.RNNCell(8, 16).forward(zeros([2, 8]))
 * h.shape // [2, 16]
 * ```
 */
export class RNNCell extends Cell<[x: Tensor, h?: Tensor], Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: RnnCellOptions = {}) {
    const { nonlinearity = 'tanh' } = options
    if (nonlinearity !== 'tanh' && nonlinearity !== 'relu')
      throw refuseOption('RNNCell', `nonlinearity = ${nonlinearity}`, "'tanh' or 'relu'")
    super(nonlinearity === 'relu' ? elmanRelu : elmanTanh, inputSize, hiddenSize, options)
  }

  forward(x: Tensor, h?: Tensor): Tensor {
    return this.step(x, [h])[0]!
  }
}

/**
 * One round of {@link GRU}: x [batch, in], h [batch, hidden] → h′. As torch.nn.GRUCell.
 *
 * @throws BrickError `shape` for other sizes than the cell's.
 */
export class GRUCell extends Cell<[x: Tensor, h?: Tensor], Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(gru, inputSize, hiddenSize, options)
  }

  forward(x: Tensor, h?: Tensor): Tensor {
    return this.step(x, [h])[0]!
  }
}

/**
 * One round of {@link LSTM}: x [batch, in], states [h, c], each [batch, hidden] → [h′, c′]. As
 * torch.nn.LSTMCell.
 *
 * @throws BrickError `shape` for other sizes than the cell's.
 * @example
 * ```ts
 * const cell = new nn.LSTMCell(8, 16)
 * let states: [Tensor, Tensor] | undefined
 * for (const x of [zeros([2, 8]), ones([2, 8])]) states = cell.forward(x, states)
 * ```
 */
export class LSTMCell extends Cell<
  [x: Tensor, states?: readonly [h: Tensor, c: Tensor]],
  [h: Tensor, c: Tensor]
> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(lstm, inputSize, hiddenSize, options)
  }

  forward(x: Tensor, states?: readonly [h: Tensor, c: Tensor]): [h: Tensor, c: Tensor] {
    return this.step(x, states ?? []) as [Tensor, Tensor]
  }
}
