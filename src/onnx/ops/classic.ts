import { sizeOf } from '../../base/shape.ts'
import { Tensor } from '../../tensor/tensor.ts'
import type { NodeCall } from '../run/call.ts'
import type { Value } from '../run/value.ts'
import type { OpTable } from './op.ts'
import { fromFront } from './positions.ts'

/** Steps of classical pipelines that stand before a network. */

/** Known sequences of tokens: [key of the tokens, place in the result, weight]. */
function pool(call: NodeCall, n: number): Map<string, number> {
  const starts = call.ints('ngram_counts') ?? []
  const tokens = call.ints('pool_int64s')
  const places = call.ints('ngram_indexes') ?? []
  if (!tokens) throw call.refuse('a pool of texts', 'a pool of whole numbers', 'dtype')
  const [from, to] = [starts[n - 1] ?? tokens.length, starts[n] ?? tokens.length]
  // Sequences are numbered through all lengths.
  const before = starts
    .slice(0, n - 1)
    .reduce((sum, start, k) => sum + ((starts[k + 1] ?? tokens.length) - start) / (k + 1), 0)
  const found = new Map<string, number>()
  for (let at = from, i = before; at + n <= to; at += n, i++) {
    found.set(tokens.slice(at, at + n).join(), places[i]!)
  }
  return found
}

/** How often sequences of tokens occur in a row, with so many tokens left out between them. */
function countSequences(call: NodeCall, row: readonly number[], counts: Float64Array): void {
  const skips = call.int('max_skip_count', 0)
  for (let n = call.int('min_gram_length', 1); n <= call.int('max_gram_length', 1); n++) {
    const known = pool(call, n)
    for (let skip = 0; skip <= (n === 1 ? 0 : skips); skip++) {
      const reach = (n - 1) * (skip + 1)
      for (let at = 0; at + reach < row.length; at++) {
        const key = Array.from({ length: n }, (_, k) => row[at + k * (skip + 1)]).join()
        const place = known.get(key)
        if (place !== undefined) counts[place]!++
      }
    }
  }
}

/** Counts of sequences of tokens, weighted (TFIDF), or the weights of those that occur (IDF). */
function tfIdf(call: NodeCall): Value {
  const { shape } = call.value(0)
  const tokens = call.known(0)
  const places = call.ints('ngram_indexes') ?? []
  const width = call.limited(Math.max(-1, ...places) + 1, 'sequences')
  const rows = shape.length === 2 ? shape[0]! : 1
  const length = sizeOf(shape) / Math.max(1, rows)
  const given = call.floats('weights')
  const weights = new Float64Array(width).fill(1)
  places.forEach((place, i) => {
    weights[place] = given?.[i] ?? 1
  })
  const mode = call.text('mode', 'TF')
  const data = new Float64Array(call.limited(rows * width, 'counts'))
  for (let r = 0; r < rows; r++) {
    const counts = data.subarray(r * width, (r + 1) * width)
    countSequences(call, tokens.slice(r * length, (r + 1) * length), counts)
    if (mode === 'TF') continue
    counts.forEach((count, i) => {
      counts[i] = (mode === 'IDF' ? Number(count > 0) : count) * weights[i]!
    })
  }
  const out = Tensor.of(
    Float32Array.from(data),
    shape.length === 2 ? [rows, width] : [width],
    'f32',
  )
  return call.of('float', out)
}

export const text: OpTable = { TfIdfVectorizer: { since: 9, run: tfIdf } }

/** The domain ai.onnx.ml. */
export const classic: OpTable = {
  ArrayFeatureExtractor: {
    since: 1,
    run: (call) => {
      const [x, index] = [call.tensor(0), call.tensor(1)]
      const chosen = fromFront(index, x.shape.at(-1)!).reshape([-1])
      const found = x.indexSelect(x.rank - 1, chosen)
      return call.like(0, x.rank === 1 ? found.unsqueeze(0) : found)
    },
  },
  Binarizer: {
    since: 1,
    run: (call) => call.like(0, call.tensor(0).gt(call.float('threshold', 0))),
  },
}
