import type { Tensor } from '../../tensor/tensor.ts'
import { refuseOption } from '../module/check.ts'
import { Module } from '../module/module.ts'
import { ModuleDict } from './module-list.ts'

/**
 * One trunk and a head for each task: the features are computed once, x → { task: output }. Parts
 * are named `trunk` and `heads.TASK`.
 *
 * Source: Caruana, “Multitask learning”, 1997.
 *
 * @example
 * ```ts
 * const both = new nn.MultiTask(block, { digit: new nn.Linear(8, 10), parity: new nn.Linear(8, 2) })
 * const { digit, parity } = both.forward(input)
 * parity.shape // [2, 2]
 * ```
 */
export class MultiTask<Task extends string> extends Module<[x: Tensor], Record<Task, Tensor>> {
  readonly trunk: Module
  readonly heads: ModuleDict

  constructor(trunk: Module, heads: Readonly<Record<Task, Module>>) {
    super()
    this.trunk = trunk
    this.heads = new ModuleDict(heads)
    if (this.heads.size === 0) throw refuseOption('MultiTask', 'no heads', 'at least one')
  }

  forward(x: Tensor): Record<Task, Tensor> {
    const features = this.trunk.forward(x)
    const outputs = [...this.heads].map(([task, head]) => [task, head.forward(features)] as const)
    // The heads have the names that the constructor was given.
    return Object.fromEntries(outputs) as Record<Task, Tensor>
  }
}

/**
 * Σ weight · loss over tasks; a task without a weight counts once.
 *
 * @throws BrickError `argument` without a loss, or for the weight of a task that has none.
 *
 * @example
 * ```ts
 * await nn.multiTaskLoss({ a: tensor(2), b: tensor(3) }, { b: 10 }).item() // 32
 * ```
 */
export function multiTaskLoss(
  losses: Readonly<Record<string, Tensor>>,
  weights: Readonly<Record<string, number>> = {},
): Tensor {
  const tasks = Object.keys(losses)
  const stray = Object.keys(weights).find((task) => !tasks.includes(task))
  if (stray !== undefined || tasks.length === 0) {
    const got = stray === undefined ? 'no losses' : `a weight of '${stray}'`
    throw refuseOption(
      'multiTaskLoss',
      got,
      `weights of ${tasks.join(', ') || 'at least one loss'}`,
    )
  }
  return tasks
    .map((task) => losses[task]!.mul(weights[task] ?? 1))
    .reduce((sum, term) => sum.add(term))
}
