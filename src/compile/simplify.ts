import type { DType } from '../base/dtype.ts'
import { sameShape, sizeOf } from '../base/shape.ts'
import { exactNumbers, type OpName } from '../graph/attributes.ts'
import { make } from '../graph/make.ts'
import { Node, topological } from '../graph/node.ts'
import { without } from '../graph/ops/helpers.ts'
import { recordOf } from '../graph/ops.ts'
import { onBehalfOf } from '../graph/origin.ts'
import type { AnyOp } from '../graph/record.ts'
import { bodyOf } from '../graph/scan-body.ts'
import { collectedProduct, productOfLookup } from './lookup.ts'
import { padOfPad, sliceOfConvolution, sliceOfPad } from './narrow.ts'
import { overlappingConvolution } from './overlapping.ts'
import { phasesOfConvolution } from './phases.ts'
import { sumOfTaps } from './taps.ts'
import { winograd, winogradWeight } from './winograd.ts'

type Rewrite = (node: Node) => Node | undefined
interface Row {
  readonly name: string
  readonly rewrite: Rewrite
}

const isConstant = (node: Node | undefined, value?: number): node is Node<'constant'> =>
  node?.is('constant') === true && (value === undefined || Object.is(node.attrs.value, value))

const filled = (node: Node, value: number): Node =>
  make('constant', [], { value, shape: node.shape, dtype: node.dtype })

/** What memory of the dtype keeps of a result. */
const rounded = (value: number, dtype: DType): number =>
  dtype === 'f32' ? Math.fround(value) : dtype === 'i32' ? value | 0 : value

/** A rule for one op. */
const on =
  <O extends OpName>(op: O, rule: (node: Node<O>) => Node | undefined): Rewrite =>
  (node) =>
    node.is(op) ? rule(node) : undefined

/** A reduction of at least this many elements into few results is done in two stages. */
const LONG = 1 << 15
const FEW = 16
/** So is one of many rows that are this short: each thread reads rows as a whole. */
const SHORT_ROW = 1024
const MANY_ROWS = 1 << 11

/** What is asked of products, before convolutions are taken apart and lay theirs out as they need them. */
const narrowings: readonly Row[] = [
  {
    name: 'permute: of a contraction is a contraction with other axes',
    rewrite: on('permute', ({ attrs, inputs: [x] }) => {
      if (!x!.is('contract')) return undefined
      const { a, b } = x.attrs
      const out = attrs.order.map((axis) => x.attrs.out[axis]!)
      // Its rows must stay rows: a batch axis can't be the innermost one.
      const last = out.at(-1)!
      if (a.includes(last) && b.includes(last)) return undefined
      return make('contract', x.inputs, { a, b, out })
    }),
  },
  { name: 'contract: with rows that were looked up', rewrite: on('contract', productOfLookup) },
  { name: 'scatterAdd: of the rows of a product', rewrite: on('scatterAdd', collectedProduct) },
  {
    name: 'slice: of a convolution is a convolution of a slice',
    rewrite: on('slice', sliceOfConvolution),
  },
  { name: 'slice: of padding', rewrite: on('slice', sliceOfPad) },
]

/** Convolutions as what they are made of, once what is asked of them is known. */
const decompositions: readonly Row[] = [
  {
    name: 'convolution: of elements with zeros between, phase by phase',
    rewrite: on('convolution', phasesOfConvolution),
  },
  { name: 'convolution: mostly of padding', rewrite: on('convolution', overlappingConvolution) },
  { name: 'overlapAdd: of few elements', rewrite: on('overlapAdd', sumOfTaps) },
  { name: 'winograd: convolutions with small kernels', rewrite: on('convolution', winograd) },
  { name: 'winograd: their weights', rewrite: on('convolutionWeight', winogradWeight) },
  {
    name: 'decompose: convolutions are contractions of windows',
    rewrite: (node) => {
      const record = recordOf<OpName>(node.op) as AnyOp<OpName>
      return record.kind === 'contraction' ? record.decompose?.(node, make) : undefined
    },
  },
]

/** One idea a row; the first that applies wins, and its result is looked at again. */
const rows: readonly Row[] = [
  {
    name: 'empty: nothing to compute',
    rewrite: (node) =>
      sizeOf(node.shape) === 0 && !node.is('constant') && !node.is('buffer')
        ? filled(node, 0)
        : undefined,
  },
  {
    name: 'empty: folding nothing gives the identity',
    rewrite: (node) => {
      const record = recordOf<OpName>(node.op)
      const nothing = node.inputs.some((input) => sizeOf(input.shape) === 0)
      if (!nothing) return undefined
      if (record.kind === 'reduce') return filled(node, record.identity)
      if (record.kind === 'contraction') return filled(node, 0)
      return node.is('scatterAdd') ? node.inputs[0] : undefined
    },
  },
  {
    name: 'scan: of no rounds leaves the states as they were',
    rewrite: on('scanned', ({ attrs: { of }, shape, inputs }) => {
      const scan = inputs[0] as Node<'scan'>
      if (scan.attrs.length > 0) return undefined
      const body = bodyOf(scan)
      const first = scan.inputs[body.parameters.sequences.length + body.stateAt(of)]!
      return make('reshape', [first], { shape })
    }),
  },
  {
    // A barrier stays: it keeps what is computed again apart from what was computed before.
    name: 'alias: the first input',
    rewrite: (node) =>
      recordOf<OpName>(node.op).kind === 'alias' && !node.is('barrier')
        ? node.inputs[0]
        : undefined,
  },
  {
    name: 'constants: elementwise of constants',
    rewrite: (node) => {
      const record = recordOf<OpName>(node.op) as AnyOp<OpName>
      if (record.kind !== 'elementwise' || !node.inputs.every((n) => isConstant(n)))
        return undefined
      const values = node.inputs.map((n) => (n as Node<'constant'>).attrs.value)
      const { integer } = record
      const value =
        node.dtype === 'i32' && integer ? integer(...values) : record.scalar(node.attrs, ...values)
      return filled(node, rounded(value, node.dtype))
    },
  },
  {
    name: 'constants: moving equal elements changes nothing but the shape',
    rewrite: (node) => {
      const record = recordOf<OpName>(node.op) as AnyOp<OpName>
      const [x] = node.inputs
      if (record.kind !== 'movement' || record.fill || !isConstant(x) || node.inputs.length > 1)
        return undefined
      return filled(node, x.attrs.value)
    },
  },
  {
    name: 'reshape: to the same shape',
    rewrite: on('reshape', (n) =>
      sameShape(n.shape, n.inputs[0]!.shape) ? n.inputs[0] : undefined,
    ),
  },
  {
    name: 'reshape: of a reshape',
    rewrite: on('reshape', (n) =>
      n.inputs[0]!.is('reshape') ? make('reshape', [n.inputs[0].inputs[0]!], n.attrs) : undefined,
    ),
  },
  {
    name: 'expand: to the same shape',
    rewrite: on('expand', (n) =>
      sameShape(n.shape, n.inputs[0]!.shape) ? n.inputs[0] : undefined,
    ),
  },
  {
    name: 'permute: identity',
    rewrite: on('permute', (n) =>
      n.attrs.order.every((a, i) => a === i) ? n.inputs[0] : undefined,
    ),
  },
  {
    name: 'pad: nothing',
    rewrite: on('pad', (n) => (sameShape(n.shape, n.inputs[0]!.shape) ? n.inputs[0] : undefined)),
  },
  { name: 'pad: of padding', rewrite: on('pad', padOfPad) },
  {
    name: 'slice: everything',
    rewrite: on('slice', (n) => (sameShape(n.shape, n.inputs[0]!.shape) ? n.inputs[0] : undefined)),
  },
  {
    name: 'flip: no axes',
    rewrite: on('flip', (n) => (n.attrs.axes.length === 0 ? n.inputs[0] : undefined)),
  },
  {
    // The inner one's windows are the last axes.
    name: 'overlapAdd: of overlapping sums',
    rewrite: on('overlapAdd', ({ attrs, inputs: [x], shape }) => {
      if (!x!.is('overlapAdd') || x.attrs.axes.some((axis) => axis >= shape.length))
        return undefined
      const inner = x.attrs
      const join = <T>(of: (a: typeof attrs) => readonly T[]) => [...of(attrs), ...of(inner)]
      return make('overlapAdd', x.inputs, {
        axes: join((a) => a.axes),
        size: join((a) => a.size),
        stride: join((a) => a.stride),
        dilation: join((a) => a.dilation),
        extent: join((a) => a.extent),
      })
    }),
  },
  {
    name: 'concat: of one',
    rewrite: on('concat', (n) => (n.inputs.length === 1 ? n.inputs[0] : undefined)),
  },
  {
    name: 'cast: to the same dtype',
    rewrite: on('cast', (n) => (n.inputs[0]!.dtype === n.dtype ? n.inputs[0] : undefined)),
  },
  {
    name: 'x · 1, 1 · x, x / 1',
    rewrite: (node) => {
      const [x, y] = node.inputs
      if (node.is('mul') && isConstant(x, 1)) return y
      return (node.is('mul') || node.is('div')) && isConstant(y, 1) ? x : undefined
    },
  },
  {
    name: 'x + 0, x − 0 (the sign of zero aside)',
    rewrite: (node) => {
      const [x, y] = node.inputs
      if (node.is('add') && isConstant(x, 0)) return y
      return (node.is('add') || node.is('sub')) && isConstant(y, 0) ? x : undefined
    },
  },
  {
    name: 'x / c is x · (1/c) where 1/c is exact',
    rewrite: on('div', ({ inputs: [x, y] }) => {
      if (!isConstant(y)) return undefined
      const inverse = 1 / y.attrs.value
      const exponent = Math.log2(Math.abs(inverse))
      // Beyond these, one of the two is infinite or has lost bits in f32.
      const exact = exponent % 1 === 0 && exponent >= -126 && exponent <= 126
      return exact ? make('mul', [x!, filled(y, inverse)], {}) : undefined
    }),
  },
  {
    name: 'where: one side always',
    rewrite: on('where', ({ inputs: [condition, yes, no] }) =>
      isConstant(condition) ? (condition.attrs.value ? yes : no) : undefined,
    ),
  },
  {
    name: 'sum: of nothing, or along axes of size 1',
    rewrite: (node) => {
      if (!node.is('sum') && !node.is('amax') && !node.is('prod')) return undefined
      const [x] = node.inputs
      return node.attrs.axes.every((axis) => x!.shape[axis] === 1)
        ? make('reshape', [x!], { shape: node.shape })
        : undefined
    },
  },
  {
    name: 'argmax: along axes of size 1',
    rewrite: on('argmax', (n) =>
      n.attrs.axes.every((axis) => n.inputs[0]!.shape[axis] === 1) ? filled(n, 0) : undefined,
    ),
  },
  {
    name: 'sum: of a constant',
    rewrite: on('sum', (n) => {
      const [x] = n.inputs
      if (!isConstant(x)) return undefined
      const count = sizeOf(x.shape) / Math.max(1, sizeOf(n.shape))
      const { value } = x.attrs
      return filled(n, n.dtype === 'i32' ? Math.imul(value, count) : value * count)
    }),
  },
  {
    name: 'contraction: a label of one factor alone that is not in the result is summed first',
    rewrite: on('contract', (n) => {
      const { a, b, out } = n.attrs
      const lone = (own: readonly number[], other: readonly number[]) =>
        own.flatMap((label, axis) => (out.includes(label) || other.includes(label) ? [] : [axis]))
      const [la, lb] = [lone(a, b), lone(b, a)]
      if (la.length + lb.length === 0) return undefined
      const reduced = (x: Node, axes: readonly number[]) =>
        axes.length ? make('sum', [x], { axes }) : x
      return make('contract', [reduced(n.inputs[0]!, la), reduced(n.inputs[1]!, lb)], {
        a: without(a, la),
        b: without(b, lb),
        out,
      })
    }),
  },
  {
    name: 'reduction: few results of many elements in two stages, so that threads can share it',
    rewrite: (node) => {
      if (!node.is('sum') && !node.is('amax') && !node.is('prod')) return undefined
      const [x] = node.inputs as [Node]
      const results = sizeOf(node.shape)
      const each = sizeOf(x.shape) / Math.max(1, results)
      const rows = !node.attrs.axes.includes(x.shape.length - 1)
      const wide = rows && results < SHORT_ROW && each >= MANY_ROWS
      if (!wide && (results >= FEW || each < LONG)) return undefined
      return inStages(node as Node<'sum'>, x)
    },
  },
]

/** Σ over all reduced axes but the first, then over what is left of it; a long single axis is cut in two. */
function inStages(node: Node<'sum'>, x: Node): Node | undefined {
  const { axes } = node.attrs
  const first = axes.find((axis) => x.shape[axis]! > 1)!
  const extent = x.shape[first]!
  if (axes.some((axis) => axis !== first && x.shape[axis]! > 1) && extent <= 4096) {
    const inner = axes.filter((axis) => axis !== first)
    const partial = make(node.op, [x], { axes: inner })
    const left = first - inner.filter((axis) => axis < first).length
    return make(node.op, [partial], { axes: [left] })
  }
  const pieces = [
    64, 60, 56, 50, 48, 45, 40, 36, 32, 30, 27, 25, 24, 20, 18, 16, 15, 12, 10, 9, 8, 7, 6, 5, 4, 3,
    2,
  ]
  const parts = pieces.find((p) => extent % p === 0)
  if (!parts || extent / parts < 2) return undefined
  const shape = x.shape.toSpliced(first, 1, parts, extent / parts)
  const cut = make('reshape', [x], { shape })
  const inner = axes.map((axis) => (axis >= first ? axis + 1 : axis))
  const partial = make(node.op, [cut], { axes: inner })
  const left = first - axes.filter((axis) => axis < first).length
  return make(node.op, [partial], { axes: [left] })
}

/**
 * Rewrites a graph into a smaller, equal one: algebra, constants, views, common subexpressions
 * (equal nodes become one), dead code (what no root needs is not visited).
 */
export function simplify(roots: readonly Node[]): Node[] {
  return rewritten(rewritten(roots, [...rows, ...narrowings]), [...decompositions, ...rows])
}

/** The graph, with rows applied from the inputs on until none applies. */
function rewritten(roots: readonly Node[], rules: readonly Row[]): Node[] {
  const done = new Map<Node, Node>()
  const known = new Map<string, Node>()
  const intern = (node: Node): Node => {
    const key = keyOf(node)
    const found = known.get(key)
    if (found) return found
    known.set(key, node)
    return node
  }
  const settle = (start: Node): Node => {
    let node = start
    for (;;) {
      let next: Node | undefined
      for (const { rewrite } of rules) {
        next = rewrite(node)
        if (next) break
      }
      if (!next) return intern(node)
      // A rewrite may build several new nodes: settle its inputs too.
      const fresh = next.inputs.map((input) => done.get(input) ?? visit(input))
      node = withInputs(next, fresh)
    }
  }
  const visit = (root: Node): Node => {
    for (const node of topological([root])) {
      if (done.has(node)) continue
      const inputs = node.inputs.map((input) => done.get(input)!)
      const result = onBehalfOf(node.origin, () => settle(withInputs(node, inputs)))
      done.set(node, result)
      done.set(result, result)
    }
    return done.get(root)!
  }
  return roots.map(visit)
}

function withInputs(node: Node, inputs: readonly Node[]): Node {
  if (inputs.every((input, i) => input === node.inputs[i])) return node
  return new Node(node.op, inputs, node.attrs, node.shape, node.dtype, node.scope, node.origin)
}

const sourceIds = new WeakMap<object, number>()
let nextSource = 0

function keyOf(node: Node): string {
  const inputs = node.inputs.map((input) => input.id).join()
  if (node.is('buffer')) {
    const { source } = node.attrs
    if (!sourceIds.has(source)) sourceIds.set(source, nextSource++)
    return `buffer ${sourceIds.get(source)}`
  }
  return `${node.op}(${inputs})${JSON.stringify(node.attrs, exactNumbers)}${node.dtype}[${node.shape}]`
}
