import { sameShape, sizeOf } from '../../base/shape.ts'
import type { OpName } from '../../graph/attributes.ts'
import type { Node } from '../../graph/node.ts'
import { keeping, without } from '../../graph/ops/helpers.ts'
import { average, averageInside, maxPool, windowSum } from './idioms-pool.ts'
import { convolution, convolutionBias, product, productBias } from './idioms-product.ts'
import { as, input, numberOf, reducedAlong, shapeBefore, spreadFrom } from './look.ts'
import { type Plan, type PlanContext, type Recognize, simply } from './plan.ts'
import { float, int } from './writer.ts'

/** where(x ≤ 0, 0, x). */
const relu: Recognize = (node) => {
  const [condition, yes, x] = [input(node, 0), input(node, 1), input(node, 2)]
  const compared = as(condition, 'le')
  if (!compared || input(compared, 0) !== x || numberOf(compared.inputs[1]) !== 0) return undefined
  return numberOf(yes) === 0 ? simply('Relu', [x]) : undefined
}

/** where(0 < x, x, slope · x). */
const leakyRelu: Recognize = (node) => {
  const [condition, x, other] = [input(node, 0), input(node, 1), as(input(node, 2), 'mul')]
  const compared = as(condition, 'lt')
  if (!compared || numberOf(compared.inputs[0]) !== 0 || input(compared, 1) !== x) return undefined
  if (!other || input(other, 0) !== x) return undefined
  const alpha = numberOf(other.inputs[1])
  return alpha === undefined ? undefined : simply('LeakyRelu', [x], { alpha: float(alpha) })
}

/** where(x ≠ x, x, x limited from above and below). */
const clip: Recognize = (node) => {
  const nan = as(input(node, 0), 'ne')
  const x = input(node, 1)
  if (!nan || x.dtype !== 'f32' || input(nan, 0) !== x || input(nan, 1) !== x) return undefined
  let rest = input(node, 2)
  const upper = limitOf(rest, x, 1)
  if (upper) rest = upper.inside
  const lower = limitOf(rest, x, 0)
  if (lower) rest = lower.inside
  if (rest !== x || !(upper || lower)) return undefined
  return {
    needs: [x],
    write: (writer, name) => {
      const low = lower ? writer.scalar(lower.limit, 'f32') : ''
      const inputs = [name(x), low, ...(upper ? [writer.scalar(upper.limit, 'f32')] : [])]
      return writer.add('Clip', inputs)
    },
  }
}

/** where(x ≤ low, low, where(high ≤ x, high, x)). */
const hardTanh: Recognize = (node) => {
  const [below, low] = [as(input(node, 0), 'le'), numberOf(node.inputs[1])]
  const rest = as(input(node, 2), 'where')
  const above = rest && as(input(rest, 0), 'le')
  const high = rest && numberOf(rest.inputs[1])
  if (!below || !above || low === undefined || high === undefined || node.dtype !== 'f32') {
    return undefined
  }
  const x = input(below, 0)
  const fits = numberOf(below.inputs[1]) === low && numberOf(above.inputs[0]) === high
  if (!fits || input(above, 1) !== x || input(rest, 2) !== x) return undefined
  return {
    needs: [x],
    write: (writer, name) =>
      writer.add('Clip', [name(x), writer.scalar(low, 'f32'), writer.scalar(high, 'f32')]),
  }
}

/** where(x ≤ limit, inside, limit) (side 1), or where(limit ≤ x, inside, limit) (side 0). */
function limitOf(
  node: Node,
  x: Node,
  side: 0 | 1,
): { readonly limit: number; readonly inside: Node } | undefined {
  const chosen = as(node, 'where')
  const compared = chosen && as(input(chosen, 0), 'le')
  if (!chosen || !compared || input(compared, 1 - side) !== x) return undefined
  const limit = numberOf(compared.inputs[side])
  if (limit === undefined || numberOf(chosen.inputs[2]) !== limit) return undefined
  return { limit, inside: input(chosen, 1) }
}

/** ½ tanh(½ x) + ½. */
const sigmoid: Recognize = (node) => {
  if (numberOf(node.inputs[1]) !== 0.5) return undefined
  const half = as(input(node, 0), 'mul')
  const bent = half && numberOf(half.inputs[1]) === 0.5 ? as(input(half, 0), 'tanh') : undefined
  const inner = bent && as(input(bent, 0), 'mul')
  return inner && numberOf(inner.inputs[1]) === 0.5
    ? simply('Sigmoid', [input(inner, 0)])
    : undefined
}

/** x − max x along one axis. */
function shifted(node: Node | undefined): { readonly x: Node; readonly axis: number } | undefined {
  const difference = as(node, 'sub')
  if (!difference) return undefined
  const x = input(difference, 0)
  const top = reducedAlong(difference.inputs[1]!, 'amax')
  return top?.from === x && top.axes.length === 1 ? { x, axis: top.axes[0]! } : undefined
}

const softmax: Recognize = (node) => {
  const powers = as(input(node, 0), 'exp')
  const total = reducedAlong(node.inputs[1]!, 'sum')
  const from = powers && shifted(powers.inputs[0])
  if (!from || total?.from !== powers || total.axes.join() !== `${from.axis}`) return undefined
  return simply('Softmax', [from.x], { axis: int(from.axis) })
}

const logSoftmax: Recognize = (node) => {
  const difference = input(node, 0)
  const from = shifted(difference)
  const log = from && as(spreadFrom(node.inputs[1]!), 'log')
  const total = log && reducedAlong(log.inputs[0]!, 'sum')
  const powers = total && as(total.from, 'exp')
  if (!powers || input(powers, 0) !== difference) return undefined
  return total.axes.join() === `${from.axis}`
    ? simply('LogSoftmax', [from.x], { axis: int(from.axis) })
    : undefined
}

/** 1 / √(variance + ε). */
function spreadOf(node: Node): { readonly variance: Node; readonly eps: number } | undefined {
  const quotient = as(node, 'div')
  const isInverse = quotient && numberOf(quotient.inputs[0]) === 1
  const root = isInverse ? as(quotient.inputs[1], 'sqrt') : undefined
  const sum = root && as(root.inputs[0], 'add')
  const eps = sum && numberOf(sum.inputs[1])
  return sum && eps !== undefined ? { variance: input(sum, 0), eps } : undefined
}

/** x · scale + shift for each channel, where these come from running statistics. */
const batchNorm: Recognize = (node) => {
  const scaled = as(node.inputs[0], 'mul')
  if (!scaled) return undefined
  const x = input(scaled, 0)
  const channels = x.shape.map((n, i) => (i === 1 ? n : 1))
  if (x.shape.length < 2 || !sameShape(shapeBefore(scaled.inputs[1]!), channels)) return undefined
  if (!sameShape(shapeBefore(node.inputs[1]!), channels)) return undefined
  const scale = spreadFrom(scaled.inputs[1]!)
  const shift = as(spreadFrom(node.inputs[1]!), 'sub')
  const moved = shift && as(shift.inputs[1], 'mul')
  if (!moved || input(moved, 1) !== scale) return undefined
  const weighted = spreadOf(scale) ? undefined : as(scale, 'mul')
  const spread = spreadOf(weighted ? input(weighted, 0) : scale)
  if (!spread) return undefined
  const [weight, bias, mean] = [weighted && input(weighted, 1), input(shift, 0), input(moved, 0)]
  const states = [...(weight ? [weight] : []), mean, spread.variance]
  const each = `${[x.shape[1]]}`
  if ([...states, bias].some(({ shape }) => `${shape}` !== each)) return undefined
  const needs = [x, ...(weight ? [weight] : []), bias, mean, spread.variance]
  return {
    needs,
    write: (writer, name) => {
      const factor = weight ? name(weight) : writer.ones([x.shape[1]!])
      return writer.add(
        'BatchNormalization',
        [name(x), factor, name(bias), name(mean), name(spread.variance)],
        { epsilon: float(spread.eps) },
      )
    },
  }
}

/** (x − mean) / √(variance + ε) along the axes from `first` on. */
interface Standardized {
  readonly x: Node
  readonly first: number
  readonly eps: number
}

function standardized(node: Node | undefined, context: PlanContext): Standardized | undefined {
  const scaled = as(node, 'mul')
  const centred = scaled && as(scaled.inputs[0], 'sub')
  const spread = centred && spreadOf(spreadFrom(scaled.inputs[1]!))
  if (!spread) return undefined
  const x = input(centred, 0)
  const axes = meanAxes(centred.inputs[1]!, x)
  const squares = meanOf(spread.variance)
  const square = axes && as(squares?.from, 'mul')
  if (!square || input(square, 0) !== centred || input(square, 1) !== centred) return undefined
  const first = x.shape.length - axes.length
  const last = axes.length > 0 && axes.every((axis, i) => axis === first + i)
  if (!last || squares!.axes.join() !== axes.join()) return undefined
  const fixed = context.dims(x).slice(first)
  return fixed.every((d) => typeof d === 'number') ? { x, first, eps: spread.eps } : undefined
}

const layerNorm: Recognize = (node, context) => {
  const found = standardized(node, context)
  return found && layerNormPlan(found)
}

/** With a factor for each element, and something to add. */
const layerNormAffine: Recognize = (node, context) => {
  const scaled = as(node.inputs[0], 'mul')
  const found = scaled && standardized(scaled.inputs[0], context)
  if (!found) return undefined
  const shape = found.x.shape.slice(found.first)
  const [weight, bias] = [scaled.inputs[1]!, node.inputs[1]!].map((operand) => {
    const before = shapeBefore(operand)
    const aligned = before.slice(0, found.first).every((n) => n === 1)
    const values = spreadFrom(operand)
    return aligned && sameShape(values.shape, shape) ? values : undefined
  })
  return weight && bias ? layerNormPlan(found, weight, bias) : undefined
}

function layerNormPlan({ x, first, eps }: Standardized, weight?: Node, bias?: Node): Plan {
  const more = weight && bias ? [weight, bias] : []
  const attributes = { axis: int(first), epsilon: float(eps) }
  return {
    needs: [x, ...more],
    write: (writer, name) => {
      const affine = more.length > 0 ? more.map(name) : [writer.ones(x.shape.slice(first))]
      return writer.add('LayerNormalization', [name(x), ...affine], attributes)
    },
  }
}

/** A sum along axes times one over their size. */
function meanOf(node: Node): { readonly from: Node; readonly axes: readonly number[] } | undefined {
  const scaled = as(spreadFrom(node), 'mul')
  const sum = scaled && as(spreadFrom(scaled.inputs[0]!), 'sum')
  if (!sum) return undefined
  const from = input(sum, 0)
  const { axes } = sum.attrs
  const count = sizeOf(axes.map((axis) => from.shape[axis]!))
  // The operator counts for itself, so that the number may depend on the batch.
  const factor = as(spreadFrom(scaled.inputs[1]!), 'constant')
  return factor?.attrs.value === 1 / count ? { from, axes } : undefined
}

function meanAxes(node: Node, x: Node): readonly number[] | undefined {
  const mean = meanOf(node)
  if (mean?.from !== x) return undefined
  const kept = x.shape.map((n, i) => (mean.axes.includes(i) ? 1 : n))
  return sameShape(shapeBefore(node), kept) ? mean.axes : undefined
}

/** A sum along axes times one over their size, where it is or with the axes kept. */
const mean: Recognize = (node) => {
  const found = meanOf(node)
  if (!found || found.axes.length === 0) return undefined
  const { from, axes } = found
  const kept = keeping(from.shape, axes)
  const keep = sameShape(node.shape, kept)
  if (!keep && !sameShape(node.shape, without(from.shape, axes))) return undefined
  return {
    needs: [from],
    write: (writer, name) =>
      writer.add('ReduceMean', [name(from), writer.integers(axes)], {
        keepdims: int(Number(keep)),
      }),
  }
}

/** Rows of a table: an index that is the same for all other positions. */
const rows: Recognize = (node) => {
  if (!node.is('gather')) return undefined
  const { axis } = node.attrs
  const [x, index] = [input(node, 0), node.inputs[1]!]
  const shape = shapeBefore(index)
  if (shape.some((n, i) => n !== 1 && i !== axis) || shape[axis] !== node.shape[axis])
    return undefined
  const vector = spreadFrom(index)
  return {
    needs: [x, vector],
    write: (writer, name) => {
      const flat =
        vector.shape.length === 1
          ? name(vector)
          : writer.add('Reshape', [name(vector), writer.integers([-1])])
      return writer.add('Gather', [name(x), flat], { axis: int(axis) })
    },
  }
}

/** Operators that stand for several nodes, by the op of the last one. The first that fits is taken. */
export const idioms: { readonly [O in OpName]?: readonly Recognize[] } = {
  where: [relu, leakyRelu, clip, hardTanh],
  add: [sigmoid, batchNorm, layerNormAffine, convolutionBias, productBias],
  div: [softmax, averageInside],
  sub: [logSoftmax],
  mul: [average, layerNorm, mean],
  amax: [maxPool],
  sum: [windowSum],
  convolution: [convolution],
  contract: [product],
  gather: [rows],
}
