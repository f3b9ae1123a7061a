import { BrickError } from '../base/errors.ts'
import { createModel } from '../models/models.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Classifier } from './classifier.ts'
import { Head, type LastLayer, lastLayer } from './features.ts'
import { inputShapeOf, type Preprocessing } from './preprocessing.ts'

/** A network that is to learn other classes with the features that it has. */
export interface Transfer {
  readonly classifier: Classifier
  /** Its last layer, which is new. */
  readonly last: LastLayer
  /** From features to scores: what is trained while the features are frozen. */
  readonly head: Head
  /** The parameters of all other layers. */
  readonly featureParameters: Readonly<Record<string, Tensor>>
  readonly headParameters: Readonly<Record<string, Tensor>>
}

export interface TransferOptions {
  readonly classNames: readonly string[]
  /** Default: the network's own. */
  readonly preprocessing?: Preprocessing
}

/**
 * A network of the zoo with a new last layer (seeded by `manualSeed`) for other classes; all other
 * weights are those of the given one.
 *
 * Source: Yosinski et al., “How transferable are features in deep neural networks?”, 2014.
 *
 * @throws BrickError `argument` for a network that is none of the zoo.
 */
export function transfer(
  base: Classifier,
  { classNames, preprocessing = base.preprocessing }: TransferOptions,
): Transfer {
  const { architecture } = base
  if (architecture === undefined) throw notOfTheZoo(base.name)
  const inputShape = inputShapeOf(preprocessing)
  const model = createModel(architecture, { inputShape, classes: classNames.length })
  const last = lastLayer(model, inputShape)
  const isNew = (name: string) => name.startsWith(`${last.path}.`)
  const states = Object.entries(base.model.stateDict()).filter(([name]) => !isNew(name))
  model.loadStateDict(Object.fromEntries(states), { strict: false })
  const parameters = Object.entries(model.namedParameters())
  return {
    classifier: new Classifier({
      name: architecture,
      architecture,
      model,
      classNames,
      preprocessing,
    }),
    last,
    head: new Head(model, last.layer, inputShape),
    featureParameters: Object.fromEntries(parameters.filter(([name]) => !isNew(name))),
    headParameters: Object.fromEntries(parameters.filter(([name]) => isNew(name))),
  }
}

function notOfTheZoo(name: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where: `transfer: ${name}`,
    wanted: 'a network of the zoo, which can be built for other classes',
    got: 'another',
    remedy: 'Replace its last layer yourself, and train it with train.fit.',
  })
}
