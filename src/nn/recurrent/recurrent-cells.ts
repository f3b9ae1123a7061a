import type { Tensor } from '../../tensor/tensor.ts'

/**
 * A recurrent rule, in columns: states [hidden, batch], what the input adds to the gates
 * [gates · hidden, batch]. Batches in columns let the weights be read as they lie, [out, in].
 */
export interface Rule {
  /** Rows of the weights, in units of the hidden size. */
  readonly gates: number
  /** States that are carried: the first is the output. */
  readonly states: number
  /** The recurrent bias can be added to the input's share once, for all rounds. */
  readonly mergesBias: boolean
  /**
   * States after a round.
   *
   * @param given What the input adds to the gates.
   * @param recurrent What the last output adds to them.
   */
  next(given: Tensor, recurrent: Tensor, states: readonly Tensor[]): Tensor[]
}

/** The k-th of equal parts of the rows. */
function part(x: Tensor, k: number, parts: number): Tensor {
  const size = x.shape[0]! / parts
  return x.slice([k * size, (k + 1) * size])
}

const simple = (activate: (x: Tensor) => Tensor): Rule => ({
  gates: 1,
  states: 1,
  mergesBias: true,
  next: (given, recurrent) => [activate(given.add(recurrent))],
})

/** h ← tanh(W x + U h + b). Source: Elman, “Finding structure in time”, 1990. */
export const elmanTanh = simple((x) => x.tanh())
export const elmanRelu = simple((x) => x.relu())

/**
 * i, f, o ← σ(…), g ← tanh(…) of W x + U h + b; c ← f·c + i·g; h ← o·tanh(c).
 *
 * Source: Hochreiter and Schmidhuber, “Long short-term memory”, 1997, with the forget gate of Gers
 * et al., 2000.
 */
export const lstm: Rule = {
  gates: 4,
  states: 2,
  mergesBias: true,
  next: (given, recurrent, [, cell]) => {
    const sum = given.add(recurrent)
    const [i, f, g, o] = [0, 1, 2, 3].map((k) => part(sum, k, 4)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ]
    const next = f.sigmoid().mul(cell!).add(i.sigmoid().mul(g.tanh()))
    return [o.sigmoid().mul(next.tanh()), next]
  },
}

/**
 * r, z ← σ(W x + U h + b), n ← tanh(W x + r·(U h + b)); h ← (1 − z)·n + z·h.
 *
 * Source: Cho et al., “Learning phrase representations using RNN encoder–decoder”, 2014, with the reset
 * gate after the product, as in PyTorch.
 */
export const gru: Rule = {
  gates: 3,
  states: 1,
  mergesBias: false,
  next: (given, recurrent, [h]) => {
    const [r, z] = [0, 1].map((k) =>
      part(given, k, 3)
        .add(part(recurrent, k, 3))
        .sigmoid(),
    )
    const n = part(given, 2, 3)
      .add(r!.mul(part(recurrent, 2, 3)))
      .tanh()
    return [n.add(z!.mul(h!.sub(n)))]
  },
}
