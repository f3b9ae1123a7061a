import type { Shape } from '../base/shape.ts'
import type { Module } from '../nn/module/module.ts'

/** What a network is built for. */
export interface ModelSizes {
  /** One example's shape, without the batch: [1, 28, 28]. */
  readonly inputShape: Shape
  /** Classes, each of which gets a score. */
  readonly classes: number
}

/** How a named network is made. */
export interface ModelRecord {
  readonly description: string
  build(sizes: ModelSizes): Module
}
