import { BrickError } from '../base/errors.ts'
import { type Shape, showShape } from '../base/shape.ts'
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

/** The channels of images of at least this size, or an error that names the network. */
export function channelsOf(where: string, shape: Shape, least: number): number {
  const [channels, height, width] = shape
  if (shape.length === 3 && channels && Math.min(height!, width!) >= least) return channels
  throw new BrickError({
    kind: 'shape',
    where,
    wanted: `images [channels, height, width] of at least ${least} × ${least}`,
    got: showShape(shape),
    remedy: "Use 'mlp' for other data.",
  })
}
