import type { ArrayView } from '../base/array.ts'
import type { Archive, ArchiveFile, ArchiveOptions } from '../data/archive.ts'
import { parseSafetensors } from '../files/safetensors.ts'
import { createModel } from '../models/models.ts'
import { skip } from '../nn/init/drawn.ts'
import type { StateMapping } from '../nn/module/mapping.ts'
import { Classifier } from './classifier.ts'
import { imagenetPreprocessing, inputShapeOf, type Preprocessing, preset } from './preprocessing.ts'

/** Published weights of a network of the zoo that are trained on ImageNet. */
interface PretrainedRecord {
  readonly archive: Archive
  readonly file: ArchiveFile
  /** What the file's entries are called in the network. */
  readonly mapping: StateMapping
  /** Weights of the first layer that see blue first: they are turned around, so that all networks see RGB. */
  readonly bgr?: string
  readonly preprocessing: Preprocessing
}

const batchNorm = (from: string, to: string): StateMapping => [
  [`${from}/gamma`, `${to}.weight`],
  [`${from}/beta`, `${to}.bias`],
  [`${from}/moving_mean`, `${to}.running_mean`],
  [`${from}/moving_variance`, `${to}.running_var`],
]

const block = (part: string) => (number: string) => `blocks.${Number(number) - 1}.${part}`

const kerasBlock = (short: string, kernel: string, part: string, axes: string): StateMapping => [
  [`conv_${short}_*/${kernel}`, block(`${part}.conv.weight`), axes],
  [`conv_${short}_*_bn/gamma`, block(`${part}.bn.weight`)],
  [`conv_${short}_*_bn/beta`, block(`${part}.bn.bias`)],
  [`conv_${short}_*_bn/moving_mean`, block(`${part}.bn.running_mean`)],
  [`conv_${short}_*_bn/moving_variance`, block(`${part}.bn.running_var`)],
]

/** Keras' names and axes. */
const mobilenetMapping: StateMapping = [
  ['conv1/kernel', 'stem.conv.weight', 'hwio -> oihw'],
  ...batchNorm('conv1_bn', 'stem.bn'),
  ...kerasBlock('dw', 'depthwise_kernel', 'depthwise', 'hwc1 -> c1hw'),
  ...kerasBlock('pw', 'kernel', 'pointwise', 'hwio -> oihw'),
  ['conv_preds/kernel', 'classifier.1.weight', 'hwio -> oihw'],
  ['conv_preds/bias', 'classifier.1.bias'],
]

const mobilenet = (file: string, sha256: string): PretrainedRecord => ({
  archive: { name: 'mobilenet-v1', mirrors: [] },
  file: { name: file, sha256 },
  mapping: mobilenetMapping,
  preprocessing: preset('tensorflow')!,
})

/** Where torchvision has the fire modules 2 to 9 among its features. */
const fires = [3, 4, 6, 7, 9, 10, 11, 12]
const fire = (part: string) => (number: string) => `features.${fires[Number(number) - 2]}.${part}`

/** Caffe's names, as the ONNX file has them. */
const squeezenetMapping: StateMapping = [
  ['conv1_w_0', 'features.0.weight'],
  ['conv1_b_0', 'features.0.bias'],
  ['conv10_w_0', 'classifier.1.weight'],
  ['conv10_b_0', 'classifier.1.bias'],
  ...[
    ['squeeze1x1', 'squeeze'],
    ['expand1x1', 'expand1x1'],
    ['expand3x3', 'expand3x3'],
  ].flatMap(
    ([from, to]): StateMapping => [
      [`fire*/${from}_w_0`, fire(`${to}.weight`)],
      [`fire*/${from}_b_0`, fire(`${to}.bias`)],
    ],
  ),
]

const records: Readonly<Record<string, PretrainedRecord>> = {
  squeezenet1_1: {
    archive: {
      name: 'squeezenet1.1',
      mirrors: [
        'https://raw.githubusercontent.com/microsoft/Windows-Machine-Learning/master/SharedContent/models',
      ],
    },
    file: {
      name: 'squeezenet1.1-fp16.onnx',
      remote: 'SqueezeNet_fp16.onnx',
      sha256: '21f25e3d9254af93e6218a359469fac714a017b3f9035c0f5c4acbf9a3ff7233',
    },
    mapping: squeezenetMapping,
    bgr: 'conv1_w_0',
    preprocessing: {
      ...imagenetPreprocessing(),
      // Caffe's networks take bytes minus their means.
      normalize: {
        mean: [123 / 255, 117 / 255, 104 / 255],
        std: [1 / 255, 1 / 255, 1 / 255],
      },
    },
  },
  'mobilenet_v1_0.25': mobilenet(
    'mobilenet_v1_0.25_224.safetensors',
    '2c06f7da4743d3b6ef547f5cd1961a39a0eb79b0ae35f30035d4b47a22d0383e',
  ),
  'mobilenet_v1_0.75': mobilenet(
    'mobilenet_v1_0.75_224-fp16.safetensors',
    'bd030f69423695c3ce35f1b81c96f1ca2d7c39e6b741233b9e12cf56e932547f',
  ),
}

/** Networks whose ImageNet weights can be had by their name alone. */
export const pretrainedNames: readonly string[] = Object.keys(records)

/** Whether a network's ImageNet weights can be had by its name. */
export const isPretrained = (name: string): boolean => Object.hasOwn(records, name)

/**
 * A network of the zoo with published ImageNet weights: from `BRICKWORK_DATA`, the user's cache
 * folder, or downloaded into it once, and checked.
 *
 * @throws BrickError `file` for a damaged file, `network` if no mirror has it.
 */
export async function pretrained(name: string, options: ArchiveOptions = {}): Promise<Classifier> {
  const { archive, file, mapping, bgr, preprocessing } = records[name]!
  const { archiveFile } = await import('../data/archive.ts')
  const { imagenetClasses } = await import('./imagenet.ts')
  const { content, path } = await archiveFile(archive, file, options)
  const state = await statesIn(content, path)
  if (bgr !== undefined) state.set(bgr, channelsReversed(state.get(bgr)!))
  const { names, ids } = await imagenetClasses()
  const sizes = { inputShape: inputShapeOf(preprocessing), classes: names.length }
  const model = skip(() => createModel(name, sizes))
  model.loadStateDict(state, { mapping })
  return new Classifier({
    name,
    architecture: name,
    model,
    classNames: names,
    classIds: ids,
    preprocessing,
  })
}

async function statesIn(content: Uint8Array, path: string): Promise<Map<string, ArrayView>> {
  if (!path.endsWith('.onnx')) return parseSafetensors(content, path).tensors
  const { readInitializers } = await import('../onnx/file/read.ts')
  return readInitializers(content)
}

/** Weights [out, in, …] with their input channels in reverse order. */
function channelsReversed({ shape, data, ...rest }: ArrayView): ArrayView {
  const [out = 0, channels = 0] = shape
  const size = data.length / (out * channels)
  const turned = new Float32Array(data.length)
  for (let o = 0; o < out; o++) {
    for (let c = 0; c < channels; c++) {
      const from = (o * channels + channels - 1 - c) * size
      turned.set(data.subarray(from, from + size), (o * channels + c) * size)
    }
  }
  return { ...rest, shape, data: turned } as ArrayView
}
