import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { modelNames } from '../models/models.ts'
import type { StateMapping } from '../nn/module/mapping.ts'

/** A network of the zoo, and how a published state's names become its own. */
export interface Architecture {
  /** The zoo's name. */
  readonly model: string
  readonly mapping: StateMapping
}

/** timm's VGG ends in convolutions that see all of the last feature map. */
const vgg: StateMapping = [
  ['pre_logits.fc1.weight', 'classifier.0.weight', 'oihw -> o(ihw)'],
  ['pre_logits.fc1.bias', 'classifier.0.bias'],
  ['pre_logits.fc2.weight', 'classifier.3.weight', 'oi11 -> oi'],
  ['pre_logits.fc2.bias', 'classifier.3.bias'],
  ['head.fc.*', 'classifier.6.$1'],
]

/** The first of torchvision's blocks of each of timm's stages. */
const stages = [1, 2, 4, 7, 11, 14, 17]
const block = (stage: string, i: string): string => `features.${stages[Number(stage)]! + Number(i)}`

/** timm names MobileNetV2's blocks by stage, and the layers inside by what they do. */
const mobilenet: StateMapping = [
  ['conv_stem.*', 'features.0.0.$1'],
  ['bn1.*', 'features.0.1.$1'],
  ['conv_head.*', 'features.18.0.$1'],
  ['bn2.*', 'features.18.1.$1'],
  ['classifier.*', 'classifier.1.$1'],
  // The first block expands nothing.
  ['blocks.0.0.conv_dw.*', 'features.1.conv.0.0.$1'],
  ['blocks.0.0.bn1.*', 'features.1.conv.0.1.$1'],
  ['blocks.0.0.conv_pw.*', 'features.1.conv.1.$1'],
  ['blocks.0.0.bn2.*', 'features.1.conv.2.$1'],
  ['blocks.*.*.conv_pw.*', (stage, i, leaf) => `${block(stage!, i!)}.conv.0.0.${leaf}`],
  ['blocks.*.*.bn1.*', (stage, i, leaf) => `${block(stage!, i!)}.conv.0.1.${leaf}`],
  ['blocks.*.*.conv_dw.*', (stage, i, leaf) => `${block(stage!, i!)}.conv.1.0.${leaf}`],
  ['blocks.*.*.bn2.*', (stage, i, leaf) => `${block(stage!, i!)}.conv.1.1.${leaf}`],
  ['blocks.*.*.conv_pwl.*', (stage, i, leaf) => `${block(stage!, i!)}.conv.2.${leaf}`],
  ['blocks.*.*.bn3.*', (stage, i, leaf) => `${block(stage!, i!)}.conv.3.${leaf}`],
]

/** timm's networks that are not the zoo's by name and state; its ResNets are. */
const timm: Readonly<Record<string, Architecture>> = {
  mobilenetv2_100: { model: 'mobilenet_v2', mapping: mobilenet },
  ...Object.fromEntries(
    modelNames
      .filter((name) => name.startsWith('vgg'))
      .map((name) => [name, { model: name, mapping: vgg }]),
  ),
}

/** The names that a config.json may give. */
export const architectureNames: readonly string[] = [
  ...new Set([...modelNames, ...Object.keys(timm)]),
]

/**
 * The network that a config.json names.
 *
 * @throws BrickError `unknown` that lists those that there are.
 */
export function architectureOf(name: string, where: string): Architecture {
  if (Object.hasOwn(timm, name)) return timm[name]!
  if (modelNames.includes(name) || /^mlp:\d+(-\d+)+$/.test(name))
    return { model: name, mapping: [] }
  const near = nearest(name, architectureNames)
  throw new BrickError({
    kind: 'unknown',
    where,
    wanted: `an architecture of ${architectureNames.join(', ')}`,
    got: `'${name}'`,
    ...(near === undefined
      ? {}
      : { remedy: `Is '${near}' near enough? Build it, and load what fits with weights.load.` }),
  })
}
