import type { DType } from '../../base/dtype.ts'
import type { Attributes, OpName } from '../attributes.ts'
import type { Node } from '../node.ts'
import type { ElementwiseOp, Make } from '../record.ts'
import { like, requireDType, requireSame } from './helpers.ts'
import { erf } from './special.ts'

type Rule<O extends OpName> = (g: Node, node: Node<O>, make: Make) => readonly (Node | undefined)[]
type Domain = readonly [low: number, high: number]

interface Options<O extends OpName> {
  readonly gradient?: Rule<O>
  readonly domain?: Domain
  readonly heavy?: boolean
  readonly dtypes?: readonly DType[]
  readonly result?: (dtype: DType, attrs: Attributes[O]) => DType
  readonly integer?: (...values: number[]) => number
}

function define<O extends OpName>(
  arity: number,
  scalar: (attrs: Attributes[O], ...values: number[]) => number,
  options: Options<O>,
): ElementwiseOp<O> {
  const { gradient, domain = [-3, 3], heavy = false, integer } = options
  const { dtypes = ['f32'], result = (d: DType) => d } = options
  return {
    kind: 'elementwise',
    arity,
    scalar,
    domain,
    heavy,
    infer: (inputs, attrs, where) => {
      const shape = requireSame(inputs, where)
      return { shape, dtype: result(requireDType(inputs, dtypes, where), attrs) }
    },
    ...(gradient ? { gradient } : {}),
    ...(integer ? { integer } : {}),
  }
}

const unary = <O extends OpName>(scalar: (x: number) => number, options: Options<O>) =>
  define<O>(1, (_, x) => scalar(x!), options)
const binary = <O extends OpName>(scalar: (x: number, y: number) => number, options: Options<O>) =>
  define<O>(2, (_, x, y) => scalar(x!, y!), options)

const numeric: readonly DType[] = ['f32', 'i32']
const integer: readonly DType[] = ['i32', 'bool']
const comparison = <O extends OpName>(
  scalar: (x: number, y: number) => boolean,
): ElementwiseOp<O> =>
  binary<O>((x, y) => Number(scalar(x, y)), {
    dtypes: ['f32', 'i32', 'u8', 'bool'],
    result: () => 'bool',
  })
const bits = <O extends OpName>(scalar: (x: number, y: number) => number, dtypes = integer) =>
  binary<O>(scalar, { dtypes, domain: [0, 31] })

/** d/dx of a unary op as a graph in x (and y, the output), times g. */
const chain =
  <O extends OpName>(derivative: (x: Node, y: Node, make: Make) => Node): Rule<O> =>
  (g, node, make) => [make('mul', [g, derivative(node.inputs[0]!, node, make)], {})]

/** The larger (or smaller) input gets the gradient; equal ones share it, as in PyTorch. */
const extremum =
  <O extends OpName>(): Rule<O> =>
  (g, node, make) =>
    node.inputs.map((input, i) => {
      const half = make('mul', [g, like(g, 0.5, make)], {})
      const tie = make('eq', [input, node.inputs[1 - i]!], {})
      const wins = make('eq', [input, node], {})
      return make('where', [wins, make('where', [tie, half, g], {}), like(g, 0, make)], {})
    })

export const elementwise = {
  neg: unary<'neg'>((x) => -x, {
    dtypes: numeric,
    gradient: (g, _, make) => [make('neg', [g], {})],
  }),
  abs: unary<'abs'>(Math.abs, {
    dtypes: numeric,
    gradient: chain((x, _, make) => {
      const zero = like(x, 0, make)
      const negative = make('where', [make('lt', [x, zero], {}), like(x, -1, make), zero], {})
      return make('where', [make('lt', [zero, x], {}), like(x, 1, make), negative], {})
    }),
  }),
  exp: unary<'exp'>(Math.exp, { heavy: true, gradient: chain((_, y) => y) }),
  expm1: unary<'expm1'>(Math.expm1, {
    heavy: true,
    gradient: chain((_, y, make) => make('add', [y, like(y, 1, make)], {})),
  }),
  log: unary<'log'>(Math.log, {
    heavy: true,
    domain: [0.1, 5],
    gradient: (g, node, make) => [make('div', [g, node.inputs[0]!], {})],
  }),
  log1p: unary<'log1p'>(Math.log1p, {
    heavy: true,
    domain: [-0.5, 5],
    gradient: (g, node, make) => {
      const x = node.inputs[0]!
      return [make('div', [g, make('add', [x, like(x, 1, make)], {})], {})]
    },
  }),
  sqrt: unary<'sqrt'>(Math.sqrt, {
    domain: [0.1, 5],
    gradient: (g, node, make) => [
      make('div', [make('mul', [g, like(g, 0.5, make)], {}), node], {}),
    ],
  }),
  sin: unary<'sin'>(Math.sin, {
    heavy: true,
    gradient: chain((x, _, make) => make('cos', [x], {})),
  }),
  cos: unary<'cos'>(Math.cos, {
    heavy: true,
    gradient: chain((x, _, make) => make('neg', [make('sin', [x], {})], {})),
  }),
  tanh: unary<'tanh'>(Math.tanh, {
    heavy: true,
    gradient: chain((_, y, make) => make('sub', [like(y, 1, make), make('mul', [y, y], {})], {})),
  }),
  erf: unary<'erf'>(erf, {
    heavy: true,
    gradient: chain((x, _, make) => {
      const squared = make('mul', [x, x], {})
      const bell = make('exp', [make('neg', [squared], {})], {})
      return make('mul', [bell, like(x, 2 / Math.sqrt(Math.PI), make)], {})
    }),
  }),
  floor: unary<'floor'>(Math.floor, { gradient: (g, _, make) => [like(g, 0, make)] }),
  not: unary<'not'>((x) => Number(!x), { dtypes: ['bool'] }),
  cast: define<'cast'>(1, ({ to }, x) => convert(x!, to), {
    dtypes: ['f32', 'i32', 'u8', 'bool'],
    result: (_, { to }) => to,
    gradient: (g, node, make) => {
      const from = node.inputs[0]!.dtype
      return [from === 'f32' && node.dtype === 'f32' ? g : make('cast', [g], { to: from })]
    },
  }),
  add: binary<'add'>((x, y) => x + y, { dtypes: numeric, gradient: (g) => [g, g] }),
  sub: binary<'sub'>((x, y) => x - y, {
    dtypes: numeric,
    gradient: (g, _, make) => [g, make('neg', [g], {})],
  }),
  mul: binary<'mul'>((x, y) => x * y, {
    dtypes: numeric,
    integer: Math.imul,
    gradient: (g, { inputs: [x, y] }, make) => [make('mul', [g, y!], {}), make('mul', [g, x!], {})],
  }),
  div: binary<'div'>((x, y) => x / y, {
    domain: [0.5, 3],
    gradient: (g, node, make) => {
      const [, y] = node.inputs
      const dx = make('div', [g, y!], {})
      return [dx, make('neg', [make('mul', [dx, node], {})], {})]
    },
  }),
  max: binary<'max'>(Math.max, {
    dtypes: numeric,
    gradient: extremum(),
  }),
  min: binary<'min'>(Math.min, {
    dtypes: numeric,
    gradient: extremum(),
  }),
  pow: binary<'pow'>((x, y) => x ** y, {
    heavy: true,
    domain: [0.2, 2.5],
    gradient: (g, node, make) => {
      const [x, y] = node.inputs as [Node, Node]
      const lower = make('pow', [x, make('sub', [y, like(y, 1, make)], {})], {})
      // x^y · log x → 0 as x → 0, so the factor at x = 0 is 0 rather than −∞.
      const zero = like(x, 0, make)
      const log = make('where', [make('eq', [x, zero], {}), zero, make('log', [x], {})], {})
      return [
        make('mul', [g, make('mul', [y, lower], {})], {}),
        make('mul', [g, make('mul', [node, log], {})], {}),
      ]
    },
  }),
  lt: comparison<'lt'>((x, y) => x < y),
  le: comparison<'le'>((x, y) => x <= y),
  eq: comparison<'eq'>((x, y) => x === y),
  ne: comparison<'ne'>((x, y) => x !== y),
  and: bits<'and'>((x, y) => x & y),
  or: bits<'or'>((x, y) => x | y),
  xor: bits<'xor'>((x, y) => x ^ y),
  shl: bits<'shl'>((x, y) => x << y, ['i32']),
  shr: bits<'shr'>((x, y) => (x >>> y) | 0, ['i32']),
  where: {
    kind: 'elementwise',
    arity: 3,
    domain: [-3, 3],
    scalar: (_, condition, yes, no) => (condition ? yes! : no!),
    infer: (inputs, _, where) => {
      requireDType(inputs.slice(0, 1), ['bool'], `${where} (condition)`)
      const dtype = requireDType(inputs.slice(1), ['f32', 'i32', 'u8', 'bool'], where)
      return { shape: requireSame(inputs, where), dtype }
    },
    gradient: (g, node, make) => {
      const condition = node.inputs[0]!
      const zero = like(g, 0, make)
      return [
        undefined,
        make('where', [condition, g, zero], {}),
        make('where', [condition, zero, g], {}),
      ]
    },
  } satisfies ElementwiseOp<'where'>,
}

/** How a number becomes another dtype: towards zero for integers, as C does. */
export function convert(x: number, to: DType): number {
  switch (to) {
    case 'f32':
      return x
    case 'i32':
      return Math.trunc(x) | 0
    case 'u8':
      return Math.trunc(x) & 255
    case 'bool':
      return Number(x !== 0)
  }
}
