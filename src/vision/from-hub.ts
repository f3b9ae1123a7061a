import { loadPretrained } from '../hub/pretrained.ts'
import { Classifier } from './classifier.ts'
import { classNamesFor, type NetworkFacts, preprocessingFor } from './facts.ts'
import type { Preprocessing } from './preprocessing.ts'

const torchvision = [
  ...['resnet18', 'resnet34', 'resnet50', 'resnet101', 'resnet152'],
  ...['vgg11', 'vgg13', 'vgg16', 'vgg19', 'vgg11_bn', 'vgg13_bn', 'vgg16_bn', 'vgg19_bn'],
]

/** Repositories of the hub with torchvision's ImageNet weights, by the zoo's names. */
export const hubWeights: Readonly<Record<string, string>> = Object.fromEntries(
  torchvision.map((name) => [name, `timm/${name}.tv_in1k`]),
)

const interpolations: readonly string[] = ['bilinear', 'bicubic', 'lanczos']
const isKnown = (name: string): name is Preprocessing['interpolation'] =>
  interpolations.includes(name)

/** A network of the hub, or of a folder like one of its repositories. */
export async function fromHub(
  repository: string,
  options: NetworkFacts & { readonly revision?: string } = {},
): Promise<Classifier> {
  const { revision } = options
  const found = await loadPretrained(repository, revision === undefined ? {} : { revision })
  const { name, model, classes, preprocessing: own } = found
  const [channels, height = 1, width = 1] = own.inputShape
  const usual: Preprocessing = {
    size: [height, width],
    channels: channels === 1 ? 'grey' : 'rgb',
    resize: Math.floor(Math.min(height, width) / own.crop),
    interpolation: isKnown(own.interpolation) ? own.interpolation : 'bilinear',
    normalize: { mean: own.mean, std: own.std },
    ink: false,
  }
  return new Classifier({
    name: repository,
    architecture: name,
    model,
    ...(await classNamesFor(classes, options.classNames ?? found.classNames)),
    preprocessing: await preprocessingFor(options, usual),
  })
}
