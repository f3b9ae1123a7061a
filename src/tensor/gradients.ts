import { BrickError } from '../base/errors.ts'
import { gradients } from '../gradient/gradient.ts'
import { topological } from '../graph/node.ts'
import { Tensor } from './tensor.ts'

/**
 * The gradients of Σ output with respect to tensors, as tensors that can be differentiated again.
 *
 * Throws a BrickError of kind `gradient` if the output does not depend on one of them.
 *
 * @example
 * ```ts
 * const x = variable(tensor([3]), true)
 * const [dx] = grad(x.square().sum(), [x])
 * await dx!.item() // 6
 * ```
 */
export function grad(output: Tensor, inputs: readonly Tensor[]): Tensor[] {
  const reached = new Set(topological([output.node]))
  const nodes = inputs.map((input) => input.node)
  nodes.forEach((node, i) => {
    if (reached.has(node)) return
    throw new BrickError({
      kind: 'gradient',
      where: 'grad',
      got: `input ${i} [${node.shape}], which the output does not depend on`,
      wanted: 'inputs that the output was computed from',
    })
  })
  const tracked = output.requiresGrad
  return gradients(output.node, nodes).map((node) => new Tensor(node, tracked))
}

/**
 * A function with a gradient of your own: `backward` receives the inputs and the output's gradient
 * and returns the inputs' gradients.
 *
 * @example
 * ```ts
 * // Straight-through rounding: the gradient passes as if nothing had happened.
 * const round = customGradient((x) => x.add(0.5).floor(), (_, g) => [g])
 * ```
 */
export function customGradient<A extends readonly Tensor[]>(
  forward: (...inputs: A) => Tensor,
  backward: (inputs: A, gradient: Tensor) => readonly (Tensor | undefined)[],
): (...inputs: A) => Tensor {
  return (...given) => {
    // A state may be assigned before the gradient is asked for: both see the value of now.
    const inputs = given.map((t) => new Tensor(t.node, t.requiresGrad)) as readonly Tensor[] as A
    const output = forward(...inputs)
    return output.withHistory(inputs, (g) => backward(inputs, g))
  }
}
