import { BrickError } from '../base/errors.ts'
import { type OnnxFile, readOnnx } from '../onnx/file/read.ts'
import { OnnxModel } from '../onnx/model.ts'
import { zeros } from '../tensor/create.ts'
import { noGrad } from '../tensor/grad-mode.ts'
import { Classifier } from './classifier.ts'
import { classNamesFor, factsIn, type NetworkFacts, preprocessingFor } from './facts.ts'
import { fromWeights } from './from-weights.ts'
import { imagenetPreprocessing, inputShapeOf } from './preprocessing.ts'

/**
 * A classifier from an ONNX file of one input [n, 1 or 3, height, width] and one output; the network
 * of the zoo itself, if the file says that it is one and has its weights: it can learn other classes.
 *
 * @throws BrickError `shape` for a network of other inputs; as `onnx.load`.
 */
export async function fromOnnx(path: string, options: NetworkFacts = {}): Promise<Classifier> {
  const file = await readOnnx(path)
  const said = factsIn(
    Object.fromEntries(file.model.metadataProps.map(({ key = '', value = '' }) => [key, value])),
  )
  return (await ofTheZoo(path, said, options)) ?? asItIs(path, file, said, options)
}

type Said = ReturnType<typeof factsIn>

/** The network of the zoo that `brickwork export` made the file of, if its weights are there. */
async function ofTheZoo(
  path: string,
  { architecture, classNames, preprocessing }: Said,
  options: NetworkFacts,
): Promise<Classifier | undefined> {
  if (architecture === undefined || !classNames || !preprocessing) return undefined
  try {
    return await fromWeights(architecture, path, { classNames, preprocessing, ...options })
  } catch (error) {
    if (error instanceof BrickError && ['checkpoint', 'unknown'].includes(error.kind)) {
      return undefined
    }
    throw error
  }
}

/** The file's own graph. */
async function asItIs(
  path: string,
  file: OnnxFile,
  said: Said,
  options: NetworkFacts,
): Promise<Classifier> {
  const model = new OnnxModel(file)
  const sizes = model.inputs[0]?.sizes ?? []
  const [batch, channels, height, width] = sizes
  if (model.inputs.length !== 1 || sizes.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new BrickError({
      kind: 'shape',
      where: path,
      wanted: 'a network with one input [n, 1 or 3, height, width] of images',
      got: model.inputs.map(({ name, sizes }) => `${name} [${sizes}]`).join(', '),
      remedy: 'Use onnx.load and prepare its inputs yourself.',
    })
  }
  const usual = imagenetPreprocessing(typeof height === 'number' ? height : options.size)
  const planes =
    channels === 1 ? ({ channels: 'grey', normalize: { mean: [0], std: [1] } } as const) : {}
  const size = typeof width === 'number' ? ([usual.size[0], width] as const) : usual.size
  const preprocessing = await preprocessingFor(
    options,
    said.preprocessing ?? { ...usual, ...planes, size },
  )
  const scores = noGrad(() => model.forward(zeros([1, ...inputShapeOf(preprocessing)])))
  return new Classifier({
    name: path,
    model,
    ...(await classNamesFor(scores.size, options.classNames ?? said.classNames)),
    preprocessing,
    output: endsWithSoftmax(file) ? 'probabilities' : 'scores',
    ...(typeof batch === 'number' ? { batch } : {}),
  })
}

/** Whether the output comes from a softmax, through nothing but changes of shape. */
function endsWithSoftmax({ graph }: OnnxFile): boolean {
  let name = graph.output[0]?.name
  for (;;) {
    const node = graph.node.find(({ output }) => output.includes(name ?? ''))
    if (node?.opType === 'Softmax') return true
    if (!['Reshape', 'Flatten', 'Squeeze', 'Identity'].includes(node?.opType ?? '')) return false
    name = node?.input[0]
  }
}
