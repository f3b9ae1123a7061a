import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Shape } from '../base/shape.ts'
import type { Dataset } from '../data/dataset.ts'
import type { Normalization } from '../data/normalize.ts'
import { observeCalls, replaceInputs } from '../nn/module/forward.ts'
import { Module } from '../nn/module/module.ts'
import { zeros } from '../tensor/create.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { Tensor } from '../tensor/tensor.ts'
import { predict } from '../train/predict.ts'

export interface FeatureOptions {
  /**
   * The layer whose output is taken: `features.12`, `layer4`. Default: what goes into the last
   * layer with weights, the classifier.
   */
  readonly layer?: string
  /** Whether each channel is averaged over all places (default), or each place stands for itself. */
  readonly pool?: boolean
  /** Is told after each batch how many images are done. */
  readonly onProgress?: (done: number, of: number) => void
}

/** Where a network's features end: the layer that makes scores of them. */
export interface LastLayer {
  readonly path: string
  readonly layer: Module
}

/**
 * The last layer with weights that a forward pass calls: the classifier.
 *
 * @throws BrickError `argument` for a model without any.
 */
export function lastLayer(model: Module, inputShape: Shape): LastLayer {
  const paths = pathsOf(model)
  let last: LastLayer | undefined
  shapesOnly(model, inputShape, (module) => {
    const path = paths.get(module)
    const isLayer = path !== undefined && module instanceof Module && module.children().length === 0
    if (isLayer && module.parameters().length > 0) last = { path, layer: module as Module }
  })
  if (last) return last
  throw new BrickError({
    kind: 'argument',
    where: model.constructor.name,
    wanted: 'layers with weights',
    got: 'none',
    remedy: 'Name the layer whose output is meant.',
  })
}

/** A network up to the output of one of its layers, or to the input of one. */
export class Trunk extends Module {
  private readonly model: Module
  private readonly end: object
  private readonly side: 'input' | 'output'

  constructor(model: Module, end: object, side: 'input' | 'output') {
    super()
    this.model = model
    this.end = end
    this.side = side
  }

  /** The model belongs to the caller: this is a way through it, without states of its own. */
  protected override fields(): Iterable<readonly [string, unknown]> {
    return [['model', this.model]]
  }

  forward(x: Tensor): Tensor {
    let found: Tensor | undefined
    observeCalls(
      (module, output, inputs) => {
        const seen = this.side === 'input' ? inputs[0] : output
        if (module === this.end && seen instanceof Tensor) found = seen
      },
      () => this.model.forward(x),
    )
    if (found) return found
    throw new BrickError({
      kind: 'argument',
      where: this.model.constructor.name,
      wanted: 'a layer that a forward pass calls with one tensor',
      got: 'one that it does not call',
    })
  }
}

/** A network from the input of its classifier on: features → scores. Its states are the classifier's alone. */
export class Head extends Module {
  private readonly model: Module
  private readonly layer: Module
  private readonly inputShape: Shape

  constructor(model: Module, layer: Module, inputShape: Shape) {
    super()
    this.model = model
    this.layer = layer
    this.inputShape = inputShape
  }

  /** What comes before belongs to the model; it is not run, and stays in evaluation mode. */
  protected override fields(): Iterable<readonly [string, unknown]> {
    return [['layer', this.layer]]
  }

  forward(features: Tensor): Tensor {
    const images = zeros([features.shape[0]!, ...this.inputShape])
    return replaceInputs(this.layer, [features], () => this.model.forward(images))
  }
}

/**
 * The network up to a layer's output; without one, up to the input of the classifier.
 *
 * @throws BrickError `argument` for a layer that it does not have.
 */
export function trunkOf(model: Module, inputShape: Shape, layer?: string): Trunk {
  if (layer === undefined) return new Trunk(model, lastLayer(model, inputShape).layer, 'input')
  const modules = new Map(model.namedModules())
  const found = modules.get(layer)
  if (found) return new Trunk(model, found, 'output')
  const names = [...modules.keys()].filter(Boolean)
  const near = nearest(layer, names)
  throw new BrickError({
    kind: 'argument',
    where: `${model.constructor.name}: layer`,
    wanted: names.length > 20 ? `one of ${names.length} layers` : names.join(', '),
    got: `'${layer}'`,
    ...(near === undefined ? {} : { remedy: `Did you mean '${near}'?` }),
  })
}

/** Each channel's mean over all places: [n, channels]. */
export function pooled(features: Tensor): Tensor {
  return features.shape.length > 2 ? features.flatten(2).mean(2) : features
}

/** Feature vectors [n, features] of all examples of a dataset. */
export async function featuresOf(
  model: Module,
  dataset: Dataset,
  options: FeatureOptions & {
    readonly inputShape: Shape
    readonly normalize: Normalization
    readonly batchSize?: number
  },
): Promise<ArrayView<'f32'>> {
  const { layer, pool = true, inputShape, ...passing } = options
  return predict(trunkOf(model, inputShape, layer), dataset, {
    ...passing,
    output: (features) => (pool ? pooled(features) : features.flatten(1)),
  })
}

function pathsOf(model: Module): Map<object, string> {
  return new Map(model.namedModules().map(([path, module]) => [module, path]))
}

/** Builds the graph of a forward pass, of which nothing is computed, and tells of each call. */
function shapesOnly(model: Module, inputShape: Shape, listener: (module: object) => void): void {
  const modes = model.modules().map((module) => [module, module.training] as const)
  model.eval()
  try {
    noGrad(() => observeCalls(listener, () => model.forward(zeros([1, ...inputShape]))))
  } finally {
    for (const [module, mode] of modes) module.training = mode
  }
}
