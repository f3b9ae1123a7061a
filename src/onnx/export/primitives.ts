import { BrickError } from '../../base/errors.ts'
import { broadcastShapes, sameShape, sizeOf } from '../../base/shape.ts'
import type { OpName } from '../../graph/attributes.ts'
import type { Node } from '../../graph/node.ts'
import { dependsOnBatch } from './dims.ts'
import { bare, input } from './look.ts'
import { fixedNumber, movements } from './movements.ts'
import type { WrittenOperator } from './operators.ts'
import type { Plan, PlanContext } from './plan.ts'
import { type GraphWriter, int, ints, text } from './writer.ts'

/** How a primitive is written where it is part of nothing larger. */
export type Primitive<O extends OpName> = (node: Node<O>, context: PlanContext) => Plan

/** An operand of an elementwise op: a number, or a node that the operator itself spreads. */
type Operand = number | Node

/** The smallest array that an operand can be read from. */
function operandOf(node: Node): Operand {
  let found = bare(node)
  for (;;) {
    if (found.is('constant')) return fixedNumber(found)
    if (found.is('expand')) found = input(found, 0)
    else if (found.is('reshape') && isLeadingOnes(input(found, 0).shape, found.shape)) {
      found = input(found, 0)
    } else return found
  }
}

/** Whether a shape is another with 1s in front. */
function isLeadingOnes(from: readonly number[], to: readonly number[]): boolean {
  const more = to.length - from.length
  return more >= 0 && to.slice(0, more).every((n) => n === 1) && sameShape(to.slice(more), from)
}

/** Operands that together still have the node's shape. */
function operandsOf(node: Node): Operand[] {
  const small = node.inputs.map(operandOf)
  const shape = small.reduce<readonly number[]>(
    (all, o) => (typeof o === 'number' ? all : broadcastShapes(all, o.shape, node.op)),
    [],
  )
  return sameShape(shape, node.shape) ? small : [bare(node.inputs[0]!), ...small.slice(1)]
}

type Write = (writer: GraphWriter, names: readonly string[], node: Node) => string

/** One operator (or a few) element by element. */
const elementwise =
  (write: Write | WrittenOperator): Primitive<OpName> =>
  (node) => {
    const operands = operandsOf(node)
    const needs = operands.filter((o) => typeof o !== 'number')
    return {
      needs,
      write: (writer, name) => {
        const names = operands.map((o, i) =>
          typeof o === 'number' ? writer.scalar(o, node.inputs[i]!.dtype) : name(o),
        )
        return typeof write === 'string' ? writer.add(write, names) : write(writer, names, node)
      },
    }
  }

/** Of truth values one operator, of integers another. */
const logical = (truth: WrittenOperator, bits: WrittenOperator): Primitive<OpName> =>
  elementwise((writer, names, node) => writer.add(node.dtype === 'bool' ? truth : bits, names))

const codeOf = { f32: 1, u8: 2, i32: 6, bool: 9 } as const

/** Folds along axes. */
const fold =
  (opType: WrittenOperator): Primitive<'sum' | 'amax' | 'prod'> =>
  (node) => {
    const x = input(node, 0)
    const { axes } = node.attrs
    return {
      needs: [x],
      write: (writer, name) =>
        axes.length === 0
          ? writer.add('Identity', [name(x)])
          : writer.add(opType, [name(x), writer.integers(axes)], { keepdims: int(0) }),
    }
  }

/** The row-major position within the axes: they are made one, and the last. */
const argmax: Primitive<'argmax'> = (node, context) => {
  const x = input(node, 0)
  const { axes } = node.attrs
  const kept = x.shape.flatMap((_, i) => (axes.includes(i) ? [] : [i]))
  const dims = context.dims(x)
  return {
    needs: [x],
    write: (writer, name) => {
      let flat = name(x)
      let axis = axes[0]!
      if (axes.length !== 1) {
        const moved = writer.add('Transpose', [flat], { perm: ints([...kept, ...axes]) })
        if (axes.some((a) => typeof dims[a] !== 'number'))
          throw dependsOnBatch(node.scope, 'argmax')
        const together = [...kept.map((k) => dims[k]!), sizeOf(axes.map((a) => x.shape[a]!))]
        flat = writer.add('Reshape', [moved, writer.vector(together)])
        axis = kept.length
      }
      const found = writer.add('ArgMax', [flat], { axis: int(axis), keepdims: int(0) })
      return writer.add('Cast', [found], { to: int(codeOf.i32) })
    },
  }
}

/** Einstein's sum with a letter for each label. */
const contract: Primitive<'contract'> = (node) => {
  const { a, b, out } = node.attrs
  const letters = new Map<number, string>()
  const spell = (labels: readonly number[]) =>
    labels
      .map((label) => {
        const letter = letters.get(label) ?? String.fromCharCode(97 + letters.size)
        letters.set(label, letter)
        return letter
      })
      .join('')
  const equation = `${spell(a)},${spell(b)}->${spell(out)}`
  const needs = [input(node, 0), input(node, 1)]
  return {
    needs,
    write: (writer, name) => writer.add('Einsum', needs.map(name), { equation: text(equation) }),
  }
}

const alongAxis =
  (opType: WrittenOperator, attributes: (axis: number) => Parameters<GraphWriter['add']>[2]) =>
  (node: Node<'gather'> | Node<'scatterAdd'>): Plan => {
    const needs = node.inputs.map(bare)
    return {
      needs,
      write: (writer, name) => writer.add(opType, needs.map(name), attributes(node.attrs.axis)),
    }
  }

const cumsum: Primitive<'cumsum'> = (node) => {
  const x = input(node, 0)
  return {
    needs: [x],
    write: (writer, name) =>
      writer.add('CumSum', [name(x), writer.integers([node.attrs.axis], [])]),
  }
}

const refuse =
  (why: string): Primitive<OpName> =>
  (node) => {
    throw new BrickError({
      kind: 'unknown',
      where: `onnx export: ${node.scope || 'the network'}`,
      got: `'${node.op}'`,
      wanted: 'an operation that ONNX has',
      remedy: why,
    })
  }

const gradients = refuse('Export the forward pass alone, not gradients.')
const draws = refuse('These are random numbers: export in evaluation mode, or without them.')
// Bits are shifted for random numbers alone.
const shifts = draws

/** Every primitive; an omission does not compile. Sources and loops are written by the exporter. */
export const primitives: {
  readonly [O in Exclude<OpName, Elsewhere>]: Primitive<O> | Primitive<OpName>
} = {
  random: draws,
  neg: elementwise('Neg'),
  abs: elementwise('Abs'),
  exp: elementwise('Exp'),
  expm1: elementwise((w, [x]) => w.add('Sub', [w.add('Exp', [x!]), w.scalar(1, 'f32')])),
  log: elementwise('Log'),
  log1p: elementwise((w, [x]) => w.add('Log', [w.add('Add', [x!, w.scalar(1, 'f32')])])),
  sqrt: elementwise('Sqrt'),
  sin: elementwise('Sin'),
  cos: elementwise('Cos'),
  tanh: elementwise('Tanh'),
  erf: elementwise('Erf'),
  floor: elementwise('Floor'),
  not: elementwise('Not'),
  cast: elementwise((w, names, node) => w.add('Cast', names, { to: int(codeOf[node.dtype]) })),
  add: elementwise('Add'),
  sub: elementwise('Sub'),
  mul: elementwise('Mul'),
  div: elementwise('Div'),
  max: elementwise('Max'),
  min: elementwise('Min'),
  pow: elementwise('Pow'),
  lt: elementwise('Less'),
  le: elementwise('LessOrEqual'),
  eq: elementwise('Equal'),
  ne: elementwise((w, names) => w.add('Not', [w.add('Equal', names)])),
  and: logical('And', 'BitwiseAnd'),
  or: logical('Or', 'BitwiseOr'),
  xor: logical('Xor', 'BitwiseXor'),
  shl: shifts,
  shr: shifts,
  where: elementwise('Where'),
  ...movements,
  overlapAdd: refuse('ONNX adds up windows by Col2Im alone, which few runtimes have.'),
  sum: fold('ReduceSum') as Primitive<'sum'>,
  amax: fold('ReduceMax') as Primitive<'amax'>,
  prod: fold('ReduceProd') as Primitive<'prod'>,
  argmax,
  contract,
  convolution: refuse('Report this: convolutions are recognised before.'),
  convolutionWeight: gradients,
  transform: gradients,
  gather: alongAxis('GatherElements', (axis) => ({ axis: int(axis) })),
  scatterAdd: alongAxis('ScatterElements', (axis) => ({ axis: int(axis), reduction: text('add') })),
  cumsum,
}

/** Ops that the exporter itself writes. */
export type Elsewhere = 'buffer' | 'detach' | 'custom' | 'barrier' | 'scan' | 'scanned'
