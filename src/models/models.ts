import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import type { Module } from '../nn/module/module.ts'
import { AlexNet, AlexNet2012 } from './alexnet.ts'
import { GoogLeNet } from './googlenet.ts'
import { LeNet } from './lenet.ts'
import { LeNet5 } from './lenet5.ts'
import { MLP } from './mlp.ts'
import { MobileNetV2 } from './mobilenet.ts'
import { MobileNetV1, type MobileNetV1Options } from './mobilenet-v1.ts'
import type { ModelRecord, ModelSizes } from './model.ts'
import { ResNet, type ResNetDepth } from './resnet.ts'
import { SqueezeNet } from './squeezenet.ts'
import { UNet } from './unet.ts'
import { VGG, type VggDepth } from './vgg.ts'

export { AlexNet, AlexNet2012, type AlexNetOptions } from './alexnet.ts'
export { GoogLeNet, type GoogLeNetOptions } from './googlenet.ts'
export { LeNet } from './lenet.ts'
export { LeNet5, type LeNet5Options } from './lenet5.ts'
export { MLP } from './mlp.ts'
export { MobileNetV2 } from './mobilenet.ts'
export { MobileNetV1, type MobileNetV1Options } from './mobilenet-v1.ts'
export type { ModelSizes } from './model.ts'
export { ResNet, type ResNetDepth } from './resnet.ts'
export { SqueezeNet, type SqueezeNetVersion } from './squeezenet.ts'
export { UNet, type UNetOptions } from './unet.ts'
export { VGG, type VggDepth, type VggOptions } from './vgg.ts'

const resnet = (depth: ResNetDepth): ModelRecord => ({
  description: `residual, ${depth} layers`,
  build: (sizes) => new ResNet(sizes, depth),
})

const vgg = (depth: VggDepth, batchNorm: boolean): ModelRecord => ({
  description: `3 × 3 convolutions, ${depth} layers${batchNorm ? ', batch normalisation' : ''}`,
  build: (sizes) => new VGG(sizes, depth, { batchNorm }),
})

const mobilenetV1 = (width: NonNullable<MobileNetV1Options['width']>): ModelRecord => ({
  description: `depthwise separable convolutions${width === 1 ? '' : `, ${width} of the channels`}`,
  build: (sizes) => new MobileNetV1(sizes, { width }),
})

/** The networks that can be had by name; the only list of them. */
const records: Readonly<Record<string, ModelRecord>> = {
  lenet: {
    description: 'convolutional, 20-50-500 (32-64-128 for images below 16 × 16)',
    build: (sizes) => new LeNet(sizes),
  },
  lenet5: {
    description: 'LeNet-5 of 1998, for 28 × 28 and 32 × 32',
    build: (sizes) => new LeNet5(sizes),
  },
  mlp: {
    description: 'one hidden layer, twice as wide as the input; mlp:784-300-10 gives the sizes',
    build: (sizes) => new MLP(sizes),
  },
  alexnet: { description: 'AlexNet in one tower', build: (sizes) => new AlexNet(sizes) },
  alexnet2012: {
    description: 'AlexNet of 2012: two groups, response normalisation',
    build: (sizes) => new AlexNet2012(sizes),
  },
  vgg11: vgg(11, false),
  vgg13: vgg(13, false),
  vgg16: vgg(16, false),
  vgg19: vgg(19, false),
  vgg11_bn: vgg(11, true),
  vgg13_bn: vgg(13, true),
  vgg16_bn: vgg(16, true),
  vgg19_bn: vgg(19, true),
  googlenet: { description: 'inception modules', build: (sizes) => new GoogLeNet(sizes) },
  resnet18: resnet(18),
  resnet34: resnet(34),
  resnet50: resnet(50),
  resnet101: resnet(101),
  resnet152: resnet(152),
  squeezenet1_0: {
    description: 'fire modules',
    build: (sizes) => new SqueezeNet(sizes, '1.0'),
  },
  squeezenet1_1: {
    description: 'fire modules, 2.4 times less to compute',
    build: (sizes) => new SqueezeNet(sizes, '1.1'),
  },
  'mobilenet_v1_0.25': mobilenetV1(0.25),
  'mobilenet_v1_0.5': mobilenetV1(0.5),
  'mobilenet_v1_0.75': mobilenetV1(0.75),
  'mobilenet_v1_1.0': mobilenetV1(1),
  mobilenet_v2: {
    description: 'inverted residuals',
    build: (sizes) => new MobileNetV2(sizes),
  },
  unet: { description: 'scores of each pixel', build: (sizes) => new UNet(sizes) },
}

/** Names for {@link createModel}, and what they stand for. */
export const modelNames: readonly string[] = Object.keys(records)

/** A line about a named network. */
export function describeModel(name: string): string {
  return recordFor(name).description
}

/**
 * A named network with fresh weights (seeded by `manualSeed`). `mlp:784-1568-10` gives a multilayer
 * perceptron its sizes.
 *
 * @throws BrickError `unknown` for another name, `shape` if the network can't take such examples.
 * @example
 * ```ts
 * const model = createModel('lenet', { inputShape: [1, 28, 28], classes: 10 })
 * ```
 */
export function createModel(name: string, sizes: ModelSizes): Module {
  return recordFor(name).build(sizes)
}

function recordFor(name: string): ModelRecord {
  if (Object.hasOwn(records, name)) return records[name]!
  const layers = /^mlp:(\d+(?:-\d+)+)$/.exec(name)?.[1]?.split('-').map(Number)
  if (layers) {
    return {
      description: `multilayer perceptron ${layers.join('-')}`,
      build: (sizes) => new MLP(sizes, layers),
    }
  }
  const near = nearest(name, modelNames)
  throw new BrickError({
    kind: 'unknown',
    where: 'model',
    got: `'${name}'`,
    wanted: `${modelNames.join(', ')}, or mlp:784-1568-10`,
    ...(near === undefined ? {} : { remedy: `Did you mean '${near}'?` }),
  })
}
