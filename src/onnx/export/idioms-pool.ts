import { sizeOf } from '../../base/shape.ts'
import type { Node } from '../../graph/node.ts'
import { as, numberOf, type SeenWindows, spreadFrom, windowsIn } from './look.ts'
import { type Plan, type Recognize, simply } from './plan.ts'
import { int, ints } from './writer.ts'

const attributes = ({ kernel, stride, before, after }: SeenWindows) => ({
  kernel_shape: ints(kernel),
  strides: ints(stride),
  pads: ints([...before, ...after]),
})

/** The largest of each window. */
export const maxPool: Recognize = (node) => {
  if (!node.is('amax') || node.dtype !== 'f32') return undefined
  const windows = windowsIn(node.inputs[0]!, node.attrs.axes)
  if (!windows || !fits(windows)) return undefined
  if (windows.value !== undefined && windows.value !== Number.NEGATIVE_INFINITY) return undefined
  const dilations = ints(windows.dilation)
  return simply('MaxPool', [windows.x], { ...attributes(windows), dilations })
}

/** The operators allow less padding than the kernel is wide. */
const fits = ({ kernel, before, after }: SeenWindows): boolean =>
  kernel.every((k, i) => before[i]! < k && after[i]! < k)

/** The sum of each window, as the node's operand. */
function sumOfWindows(node: Node | undefined): SeenWindows | undefined {
  const sum = as(node, 'sum')
  const windows = sum && windowsIn(sum.inputs[0]!, sum.attrs.axes)
  if (!windows || sum.dtype !== 'f32' || !fits(windows)) return undefined
  const plain = windows.dilation.every((n) => n === 1)
  return plain && (windows.value ?? 0) === 0 ? windows : undefined
}

/** A sum of windows times a number: a mean, times what is left. */
export const average: Recognize = (node) => {
  const windows = sumOfWindows(node.inputs[0])
  const factor = numberOf(node.inputs[1])
  if (!windows || factor === undefined) return undefined
  return scaledAverage(windows, factor * sizeOf(windows.kernel))
}

/** A sum of windows without more. */
export const windowSum: Recognize = (node) => {
  const windows = sumOfWindows(node)
  return windows && scaledAverage(windows, sizeOf(windows.kernel))
}

function scaledAverage(windows: SeenWindows, scale: number): Plan {
  const { x } = windows
  return {
    needs: [x],
    write: (writer, name) => {
      const all = { ...attributes(windows), count_include_pad: int(1) }
      const mean = writer.add('AveragePool', [name(x)], all)
      if (Math.abs(scale - 1) < 1e-12) return mean
      return writer.add('Mul', [mean, writer.scalar(scale, 'f32')])
    },
  }
}

/** A sum of windows by how many elements of each lie inside. */
export const averageInside: Recognize = (node) => {
  const windows = sumOfWindows(node.inputs[0])
  const counted = windows && sumOfWindows(spreadFrom(node.inputs[1]!))
  if (!counted || numberOf(counted.x) !== 1) return undefined
  const same = (['kernel', 'stride', 'before', 'after'] as const).every(
    (key) => `${windows[key]}` === `${counted[key]}`,
  )
  const [inside, all] = [counted.x.shape.slice(2), windows.x.shape.slice(2)]
  if (!same || `${inside}` !== `${all}`) return undefined
  return simply('AveragePool', [windows.x], { ...attributes(windows), count_include_pad: int(0) })
}
