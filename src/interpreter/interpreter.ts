import { sizeOf, stridesOf } from '../base/shape.ts'
import type { OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import { Node, topological } from '../graph/node.ts'
import { flatten } from '../graph/ops/movement.ts'
import { recordOf } from '../graph/ops.ts'
import type {
  AnyOp,
  ContractionOp,
  ElementwiseOp,
  IndexAlgebra,
  MovementOp,
  Piece,
  ReduceOp,
} from '../graph/record.ts'
import { bodyOf } from '../graph/scan-body.ts'
import { threefry, words } from '../graph/threefry.ts'

/** Values in double precision; integers and truth values as numbers. */
export type Values = Float64Array
/** The contents of a buffer node. */
export type Feed = (node: Node<'buffer'>) => ArrayLike<number>

const numbers: IndexAlgebra<number> = {
  constant: (value) => value,
  add: (a, b) => a + b,
  scale: (a, factor) => a * factor,
  mod: (a, divisor) => a % divisor,
  div: (a, divisor) => Math.floor(a / divisor),
}

/**
 * Evaluates graphs one element after the other in double precision: slow and obvious, the oracle
 * that every backend is compared with.
 *
 * @example
 * ```ts
 * const [values] = interpret([make('add', [x, y], {})], (node) => contents.get(node.attrs.source)!)
 * ```
 */
export function interpret(
  roots: readonly Node[],
  feed: Feed,
  /** Told each node's values as they are computed. */
  watch?: (node: Node, values: Values, inputs: readonly Values[]) => void,
): Values[] {
  const known = new Map<Node, Values>()
  const nodes = topological(roots)
  const rounds = new Rounds(nodes)
  for (const node of nodes) {
    const inputs = node.inputs.map((input) => known.get(input)!)
    const exact = evaluate(node, inputs, feed, rounds)
    const values = node.dtype === 'i32' ? wrapped(exact) : exact
    known.set(node, values)
    watch?.(node, values, inputs)
  }
  return roots.map((root) => known.get(root)!)
}

/** Integers in 32 bits; the same array if they are already. */
const wrapped = (values: Values): Values =>
  values.every((v) => v === (v | 0)) ? values : values.map((v) => v | 0)

function evaluate(node: Node, inputs: readonly Values[], feed: Feed, rounds: Rounds): Values {
  const record = recordOf<OpName>(node.op) as AnyOp<OpName>
  switch (record.kind) {
    case 'source':
      return source(node, inputs, feed)
    case 'alias':
      return inputs[0]!
    case 'elementwise':
      return elementwise(record, node, inputs)
    case 'movement':
      return movement(record, node, inputs)
    case 'reduce':
      return reduce(record, node as Node<'sum'>, inputs[0]!)
    case 'contraction':
      return contraction(record, node, inputs)
    case 'transform':
      return transform(node as Node<'transform'>, inputs[0]!)
    case 'overlap':
      return overlapAdd(node as Node<'overlapAdd'>, inputs[0]!)
    case 'indexing':
      return node.is('gather')
        ? gather(node, inputs)
        : scatterAdd(node as Node<'scatterAdd'>, inputs)
    case 'running':
      return cumsum(node as Node<'cumsum'>, inputs[0]!)
    case 'loop':
      return rounds.run(node as Node<'scan'>, inputs)
    case 'part':
      return rounds.of(node as Node<'scanned'>)
  }
}

function source(node: Node, inputs: readonly Values[], feed: Feed): Values {
  const size = sizeOf(node.shape)
  if (node.is('buffer')) return Float64Array.from(feed(node))
  if (node.is('constant')) return new Float64Array(size).fill(node.attrs.value)
  if (node.is('random')) {
    const key = [inputs[0]![0]!, inputs[0]![1]!] as const
    const { stream } = node.attrs
    return Float64Array.from({ length: size }, (_, i) => threefry(words, key, [i, stream])[0])
  }
  const { axis } = (node as Node<'iota'>).attrs
  const stride = stridesOf(node.shape)[axis]!
  return Float64Array.from({ length: size }, (_, i) => Math.floor(i / stride) % node.shape[axis]!)
}

function elementwise(record: ElementwiseOp<OpName>, node: Node, inputs: readonly Values[]): Values {
  const { integer } = record
  const values = (i: number) => inputs.map((x) => x[i]!)
  const out = new Float64Array(sizeOf(node.shape))
  return node.dtype === 'i32' && integer
    ? out.map((_, i) => integer(...values(i)))
    : out.map((_, i) => record.scalar(node.attrs, ...values(i)))
}

/** Calls `visit` with the coordinates of each element, row-major. */
function eachCoordinate(
  shape: readonly number[],
  visit: (coords: number[], position: number) => void,
): void {
  const coords = shape.map(() => 0)
  const size = sizeOf(shape)
  for (let position = 0; position < size; position++) {
    visit(coords, position)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      coords[axis]!++
      if (coords[axis]! < shape[axis]!) break
      coords[axis] = 0
    }
  }
}

const inside = (piece: Piece<number>): boolean =>
  piece.guards.every(
    ({ index, low, high, every }) => index >= low && index < high && index % every === 0,
  )

function movement(record: MovementOp<OpName>, node: Node, inputs: readonly Values[]): Values {
  const out = new Float64Array(sizeOf(node.shape))
  const fill = record.fill?.(node.attrs) ?? 0
  eachCoordinate(node.shape, (coords, position) => {
    const piece = record.pieces(coords, node, numbers).find(inside)
    out[position] = piece
      ? inputs[piece.input]![flatten(piece.coords, node.inputs[piece.input]!.shape, numbers)]!
      : fill
  })
  return out
}

const folds = {
  add: (a: number, b: number) => a + b,
  mul: (a: number, b: number) => a * b,
  max: (a: number, b: number) => Math.max(a, b),
}

function reduce({ fold, identity }: ReduceOp<OpName>, node: Node<'sum'>, x: Values): Values {
  const { axes } = node.attrs
  const input = node.inputs[0]!.shape
  const strides = stridesOf(node.shape)
  const kept = input.map((_, axis) => axis).filter((axis) => !axes.includes(axis))
  const within = stridesOf(axes.map((axis) => input[axis]!))
  const best = new Float64Array(sizeOf(node.shape)).fill(identity)
  const where = new Float64Array(best.length)
  eachCoordinate(input, (coords, position) => {
    const target = kept.reduce((sum, axis, i) => sum + coords[axis]! * strides[i]!, 0)
    const value = x[position]!
    if (fold === 'argmax') {
      const better = value > best[target]! || (Number.isNaN(value) && !Number.isNaN(best[target]!))
      if (!better) return
      best[target] = value
      where[target] = axes.reduce((sum, axis, i) => sum + coords[axis]! * within[i]!, 0)
    } else {
      best[target] = folds[fold](best[target]!, value)
    }
  })
  return fold === 'argmax' ? where : best
}

function contraction(record: ContractionOp<OpName>, node: Node, inputs: readonly Values[]): Values {
  if (record.decompose) {
    // The same arithmetic spelt out, over stand-ins for the inputs.
    const standIns = node.inputs.map(
      ({ shape, dtype }) => new Node('buffer', [], { source: {}, shape, dtype }, shape, dtype, ''),
    )
    const copy = new Node(node.op, standIns, node.attrs, node.shape, node.dtype, node.scope)
    const values = new Map<object, Values>(standIns.map((n, i) => [n.attrs.source, inputs[i]!]))
    return interpret([record.decompose(copy, make)], (n) => values.get(n.attrs.source)!)[0]!
  }
  return contract(node as Node<'contract'>, inputs as readonly [Values, Values])
}

/** One axis after the other. */
function transform(node: Node<'transform'>, x: Values): Values {
  const { axes, matrix } = node.attrs
  let shape = node.inputs[0]!.shape
  let values = x
  for (const axis of axes) {
    const next = shape.with(axis, matrix.length)
    const strides = stridesOf(shape)
    const out = new Float64Array(sizeOf(next))
    eachCoordinate(next, (coords, position) => {
      const start = coords.reduce((sum, c, i) => sum + (i === axis ? 0 : c * strides[i]!), 0)
      const row = matrix[coords[axis]!]!
      out[position] = row.reduce(
        (sum, t, a) => (t === 0 ? sum : sum + t * values[start + a * strides[axis]!]!),
        0,
      )
    })
    shape = next
    values = out
  }
  return values
}

function overlapAdd(node: Node<'overlapAdd'>, x: Values): Values {
  const { axes, stride, dilation } = node.attrs
  const strides = stridesOf(node.shape)
  const rank = node.shape.length
  const out = new Float64Array(sizeOf(node.shape))
  eachCoordinate(node.inputs[0]!.shape, (coords, position) => {
    const at = coords.slice(0, rank)
    axes.forEach((axis, i) => {
      at[axis] = coords[axis]! * stride[i]! + coords[rank + i]! * dilation[i]!
    })
    out[at.reduce((sum, c, axis) => sum + c * strides[axis]!, 0)]! += x[position]!
  })
  return out
}

function contract(node: Node<'contract'>, [x, y]: readonly [Values, Values]): Values {
  const { a, b, out } = node.attrs
  const labels = [...new Set([...out, ...a, ...b])]
  const sizeOfLabel = (label: number): number => {
    const inA = a.indexOf(label)
    return inA >= 0 ? node.inputs[0]!.shape[inA]! : node.inputs[1]!.shape[b.indexOf(label)]!
  }
  const stepOf = (own: readonly number[], shape: readonly number[]): number[] => {
    const strides = stridesOf(shape)
    return labels.map((label) =>
      own.reduce((sum, l, axis) => (l === label ? sum + strides[axis]! : sum), 0),
    )
  }
  const [sa, sb, so] = [
    stepOf(a, node.inputs[0]!.shape),
    stepOf(b, node.inputs[1]!.shape),
    stepOf(out, node.shape),
  ]
  const result = new Float64Array(sizeOf(node.shape))
  eachCoordinate(labels.map(sizeOfLabel), (coords) => {
    let [i, j, k] = [0, 0, 0]
    for (let l = 0; l < coords.length; l++) {
      i += coords[l]! * sa[l]!
      j += coords[l]! * sb[l]!
      k += coords[l]! * so[l]!
    }
    result[k]! += x[i]! * y[j]!
  })
  return result
}

function gather(node: Node<'gather'>, [x, index]: readonly Values[]): Values {
  const { axis } = node.attrs
  const input = node.inputs[0]!
  const out = new Float64Array(sizeOf(node.shape))
  eachCoordinate(node.shape, (coords, position) => {
    const chosen = index![position]!
    const valid = chosen >= 0 && chosen < input.shape[axis]!
    const missing = input.dtype === 'f32' ? Number.NaN : 0
    out[position] = valid ? x![flatten(coords.with(axis, chosen), input.shape, numbers)]! : missing
  })
  return out
}

function scatterAdd(node: Node<'scatterAdd'>, [base, index, addend]: readonly Values[]): Values {
  const { axis } = node.attrs
  const out = base!.slice()
  eachCoordinate(node.inputs[1]!.shape, (coords, position) => {
    const chosen = index![position]!
    if (chosen < 0 || chosen >= node.shape[axis]!) return
    out[flatten(coords.with(axis, chosen), node.shape, numbers)]! += addend![position]!
  })
  return out
}

function cumsum(node: Node<'cumsum'>, x: Values): Values {
  const stride = stridesOf(node.shape)[node.attrs.axis]!
  const out = x.slice()
  eachCoordinate(node.shape, (coords, position) => {
    if (coords[node.attrs.axis]! > 0) out[position]! += out[position - stride]!
  })
  return out
}

/** Runs loops, round by round, and keeps what is asked of them. */
class Rounds {
  /** The places that are asked for, by loop, and their values once it has run. */
  private readonly parts = new Map<Node, Map<number, Values>>()

  constructor(nodes: readonly Node[]) {
    for (const node of nodes) {
      if (!node.is('scanned')) continue
      const loop = node.inputs[0]!
      const parts = this.parts.get(loop) ?? new Map<number, Values>()
      this.parts.set(loop, parts.set(node.attrs.of, new Float64Array(sizeOf(node.shape))))
    }
  }

  of(node: Node<'scanned'>): Values {
    return this.parts.get(node.inputs[0]!)!.get(node.attrs.of)!
  }

  run(node: Node<'scan'>, inputs: readonly Values[]): Values {
    const { length, reverse } = node.attrs
    const body = bodyOf(node)
    const { sequences, states, constants } = body.parameters
    const parts = [...(this.parts.get(node) ?? [])]
    let now = inputs.slice(sequences.length, sequences.length + states.length)
    const put = (of: number, values: Values, row: number) =>
      parts.find(([place]) => place === of)?.[1].set(values, row * values.length)
    const start = reverse ? length : 0
    states.forEach((state, i) => {
      put(body.placeOf(state), now[i]!, start)
    })
    const others = parts.filter(([of]) => body.stateAt(of) < 0).map(([of]) => of)
    for (let round = 0; round < length; round++) {
      const row = reverse ? length - 1 - round : round
      const given = new Map<Node, Values>()
      sequences.forEach((standIn, i) => {
        const size = sizeOf(standIn.shape)
        given.set(standIn, inputs[i]!.subarray(row * size, (row + 1) * size))
      })
      states.forEach((state, i) => {
        given.set(state, now[i]!)
      })
      constants.forEach((constant, i) => {
        given.set(constant, inputs[sequences.length + states.length + i]!)
      })
      const roots = [...body.next, ...others.map((of) => body.nodes[of]!)]
      const values = interpret(roots, (standIn) => given.get(standIn)!)
      now = values.slice(0, states.length)
      states.forEach((state, i) => {
        put(body.placeOf(state), now[i]!, reverse ? row : row + 1)
      })
      others.forEach((of, i) => {
        put(of, values[states.length + i]!, row)
      })
    }
    return new Float64Array(1)
  }
}
