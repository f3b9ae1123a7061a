import { BrickError } from '../../base/errors.ts'
import { ArrayDataset } from '../array-dataset.ts'
import { checkWhole } from '../check.ts'
import { type Random, randomAt } from '../random-stream.ts'

export interface PointsOptions {
  /** Points. Default 200. */
  readonly n?: number
  /** Standard deviation of the normal noise on both coordinates. */
  readonly noise?: number
  /** Default 0. */
  readonly seed?: number
}

type Point = readonly [x: number, y: number]

/** Points of classes that take turns, so that each has as many as the others (or one more). */
function points(
  name: string,
  classes: number,
  { n = 200, noise = 0, seed = 0 }: PointsOptions,
  draw: (label: number, random: Random, place: number) => Point,
): ArrayDataset {
  checkWhole(name, 'n', n, classes)
  checkWhole(name, 'seed', seed, 0)
  if (!(noise >= 0 && noise < Infinity)) {
    throw new BrickError({
      kind: 'argument',
      where: name,
      wanted: 'noise to be a number from 0',
      got: `${noise}`,
    })
  }
  const inputs = new Float32Array(2 * n)
  const targets = Int32Array.from({ length: n }, (_, i) => i % classes)
  targets.forEach((label, i) => {
    const random = randomAt(seed, 0, i)
    const ofClass = Math.ceil((n - label) / classes)
    const [x, y] = draw(label, random, ofClass > 1 ? Math.floor(i / classes) / (ofClass - 1) : 0)
    inputs[2 * i] = x + noise * random.normal()
    inputs[2 * i + 1] = y + noise * random.normal()
  })
  return new ArrayDataset({
    name,
    inputs: { dtype: 'f32', shape: [n, 2], data: inputs },
    targets: { dtype: 'i32', shape: [n], data: targets },
    classNames: Array.from({ length: classes }, (_, label) => `${label}`),
    featureNames: ['x', 'y'],
  })
}

/**
 * Two half circles that reach into each other: (cos t, sin t) and (1 − cos t, ½ − sin t), t from 0
 * to π. As scikit-learn's `make_moons`.
 *
 * @throws BrickError `argument` for fewer points than classes or a negative noise.
 * @example
 * ```ts
 * moons({ n: 400, noise: 0.1, seed: 1 }).inputs.shape // [400, 2]
 * ```
 */
export function moons(options: PointsOptions = {}): ArrayDataset {
  return points('moons', 2, { noise: 0.1, ...options }, (label, _, place) => {
    const t = Math.PI * place
    return label === 0 ? [Math.cos(t), Math.sin(t)] : [1 - Math.cos(t), 0.5 - Math.sin(t)]
  })
}

/**
 * A circle of radius 1 and one inside it (label 1). As scikit-learn's `make_circles`.
 *
 * @param options.factor The inner radius. Default 0.5.
 * @throws BrickError `argument` as {@link moons}.
 * @example
 * ```ts
 * circles({ n: 100 }).classNames // ['0', '1']
 * ```
 */
export function circles({ factor = 0.5, ...options }: PointsOptions & { factor?: number } = {}) {
  return points('circles', 2, { noise: 0.05, ...options }, (label, random) => {
    const t = random.uniform(0, 2 * Math.PI)
    const radius = label === 0 ? 1 : factor
    return [radius * Math.cos(t), radius * Math.sin(t)]
  })
}

/**
 * Arms of a spiral, one a class: radius r from 0 to 1, angle 2π (k / classes + turns · r).
 *
 * @param options.classes Default 3.
 * @param options.turns How far an arm goes round. Default 0.75.
 * @throws BrickError `argument` as {@link moons}.
 * @example
 * ```ts
 * spiral({ classes: 4 }).classNames?.length // 4
 * ```
 */
export function spiral({
  classes = 3,
  turns = 0.75,
  ...options
}: PointsOptions & { classes?: number; turns?: number } = {}): ArrayDataset {
  checkWhole('spiral', 'classes', classes, 2)
  return points('spiral', classes, { noise: 0.02, ...options }, (label, _, r) => {
    const t = 2 * Math.PI * (label / classes + turns * r)
    return [r * Math.cos(t), r * Math.sin(t)]
  })
}

/**
 * Points of the square [−1, 1]²: label 1 where the signs of x and y differ. No line separates them.
 *
 * @throws BrickError `argument` as {@link moons}.
 * @example
 * ```ts
 * xor({ n: 4, seed: 2 }).length // 4
 * ```
 */
export function xor(options: PointsOptions = {}): ArrayDataset {
  return points('xor', 2, options, (label, random) => {
    const [x, y] = [random.uniform(0, 1), random.uniform(0, 1)]
    const side = random.chance(0.5) ? 1 : -1
    return [side * x, (label === 0 ? side : -side) * y]
  })
}

/**
 * Round clouds, one a class, whose centres lie on a circle.
 *
 * @param options.classes Default 3.
 * @param options.std Of each cloud. Default 0.3.
 * @param options.radius Of the circle of centres. Default 1.
 * @throws BrickError `argument` as {@link moons}.
 * @example
 * ```ts
 * gaussians({ n: 300, classes: 3, std: 0.1 }).length // 300
 * ```
 */
export function gaussians({
  classes = 3,
  std = 0.3,
  radius = 1,
  ...options
}: Omit<PointsOptions, 'noise'> & { classes?: number; std?: number; radius?: number } = {}) {
  checkWhole('gaussians', 'classes', classes, 1)
  return points('gaussians', classes, { ...options, noise: std }, (label) => {
    const t = (2 * Math.PI * label) / classes
    return [radius * Math.cos(t), radius * Math.sin(t)]
  })
}

/**
 * Points of the square [−1, 1]² on two sides of a random line through the origin, none nearer to
 * it than a margin: a perceptron finds a line that separates them.
 *
 * @param options.margin From the line to the nearest points. Default 0.1.
 * @throws BrickError `argument` as {@link moons}, or for a margin that leaves no room.
 * @example
 * ```ts
 * linearlySeparable({ n: 50, seed: 3 }).length // 50
 * ```
 */
export function linearlySeparable({
  margin = 0.1,
  ...options
}: Omit<PointsOptions, 'noise'> & { margin?: number } = {}): ArrayDataset {
  if (!(margin >= 0 && margin <= 0.5)) {
    throw new BrickError({
      kind: 'argument',
      where: 'linearlySeparable',
      wanted: 'margin from 0 to 0.5',
      got: `${margin}`,
    })
  }
  const angle = randomAt(options.seed ?? 0, 0, 0, 1).uniform(0, 2 * Math.PI)
  const [a, b] = [Math.cos(angle), Math.sin(angle)]
  return points('linearly-separable', 2, options, (label, random) => {
    for (;;) {
      const [x, y] = [random.uniform(-1, 1), random.uniform(-1, 1)]
      const side = (a * x + b * y) * (label === 0 ? -1 : 1)
      if (side >= margin) return [x, y]
    }
  })
}
