import { writeAtomically } from '../src/files/atomic.ts'
import { serializeSafetensors } from '../src/files/safetensors.ts'
import { make } from '../src/graph/make.ts'
import { BrickError, data, nn, ones, optim, Tensor, tensor, variable, zeros } from '../src/index.ts'
import { servableOf } from '../src/serve/model-servable.ts'

type Scope = Record<string, unknown>

/** Examples that can't run here, each with the reason: printed by the test. */
export const notRun: Readonly<Record<string, string>> = {
  'data/lazy.ts': "needs the user's files, or those of MNIST",
  'data/readers/image.ts': 'needs an image file',
  'data/readers/image-folder.ts': 'needs a folder of images',
  'data/readers/tables.ts': 'needs files; data/readers.test.ts reads some',
  'data/readers/wav.ts readWav': 'needs a WAV file',
  'data/mnist.ts': 'needs the files of MNIST',
  'data/sets/cifar.ts': 'needs the files of CIFAR-10',
  'data/recipe.ts load': 'needs a module of the user; data/workers.test.ts loads some',
  'onnx/onnx.ts load': 'needs a model file; onnx-import.test.ts loads some',
  'onnx/model.ts OnnxModel': 'needs a model file; onnx-import.test.ts loads some',
  'onnx/model.ts run': 'needs a model file; onnx-import.test.ts runs some',
  'onnx/file/read.ts': 'needs a model file; onnx-files.test.ts reads some',
  'train/checkpoint.ts': 'needs the folder of a run',
  'cli/program.ts': 'runs the program',
  'vision/classifier.ts': 'needs published weights; vision-classifier.test.ts makes such calls',
  'vision/evaluation.ts': 'needs the folder of a run; vision-classifier.test.ts makes such calls',
  'vision/lazy.ts': 'needs weights and images; vision-classifier.test.ts makes such calls',
  'vision/load.ts': 'needs published weights; vision-classifier.test.ts makes such calls',
  'serve/classifier-servable.ts': 'needs the folder of a run',
  'files/tensor-file.ts': 'needs the file of a run',
  'files/shards.ts': 'needs a checkpoint in several files; files-safetensors.test.ts reads one',
  'files/torch/torch-file.ts': 'needs a published file; files-torch.test.ts reads some',
  'hub/index.ts': 'needs the hub; hub.test.ts has a server like it',
  'weights/index.ts load': 'needs a published file; weights.test.ts reads some',
  'weights/index.ts open': 'needs a file; weights.test.ts reads some',
  'train/fit.ts fit': 'ends with what MNIST gives; train-fit.test.ts makes the same call',
  'optim/adam.ts adam': 'shows the option alone',
  'optim/sgd.ts sgd': 'shows the option alone',
  'train/metrics.ts accuracy': 'shows the option alone',
  'train/metrics.ts topK': 'shows the option alone',
  'nn/module/parameter.ts parameter': 'a field of a class',
}

function network(): Scope {
  const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(64, 10))
  const x = ones([2, 1, 8, 8])
  const y = tensor([3, 1], { dtype: 'i32' })
  const loss = nn.crossEntropy(model.forward(x), y)
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 })
  const block = new nn.Linear(8, 8)
  return { model, x, y, loss, optimizer, block, input: ones([2, 8]), crossEntropy: nn.crossEntropy }
}

/** A node of a graph, for the rooms below tensors. */
function graph(): Scope {
  const source = {}
  const x = make('buffer', [], { source, shape: [2], dtype: 'f32' })
  return { make, x, y: x, contents: new Map([[source, [1, 2]]]) }
}

/** A WAV file of two 16-bit samples. */
const wave = Buffer.concat([
  Buffer.from('RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0', 'latin1'),
  Buffer.from('\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x04\0\0\0\0\0\0\x40', 'latin1'),
])

/** Two RGB images. */
function batch() {
  const data = Float32Array.from({ length: 2 * 3 * 64 }, (_, i) => (i % 50) / 50)
  return { dtype: 'f32', shape: [2, 3, 8, 8], data }
}

async function digits(): Promise<Scope> {
  const { train, test } = await data.digits()
  return { trainSet: train, test, dataset: train, loader: new data.DataLoader(train) }
}

/** Names that an example takes as given, by file, besides the exports of the package and the file. */
const scopes: Readonly<Record<string, () => Scope | Promise<Scope>>> = {
  'gradient/gradient.ts': graph,
  'interpreter/interpreter.ts': graph,
  'nn/convolution/conv.ts': () => ({ images: zeros([64, 1, 28, 28]) }),
  'nn/linear/linear.ts': () => ({ images: zeros([64, 784]) }),
  'nn/shape/flatten.ts': () => ({ x: zeros([64, 50, 4, 4]) }),
  'nn/pooling/adaptive-pool.ts': () => ({ x: zeros([64, 20, 24, 24]) }),
  'nn/pooling/unpool.ts': () => ({ x: zeros([64, 20, 24, 24]) }),
  'nn/pooling/pool.ts': () => ({ x: zeros([64, 20, 24, 24]) }),
  'nn/normalization/normalization.ts': () => ({
    x: zeros([2, 8, 3]),
    weight: ones([8]),
    bias: zeros([8]),
  }),
  'files/safetensors.ts': () => {
    const weight = { dtype: 'f32', shape: [10, 500], data: new Float32Array(5000) } as const
    return { bytes: Buffer.concat([...serializeSafetensors([['fc.weight', weight]])]) }
  },
  'files/atomic.ts': () => ({ writeAtomically }),
  'files/random-access.ts': () => ({ writeAtomically }),
  'nn/module/module.ts': () => ({ model: new nn.Sequential(new nn.Conv2d(1, 4, 5)) }),
  'data/dataset.ts': async () => ({ ...(await digits()), data }),
  'data/iterable.ts': () => ({ data }),
  ...Object.fromEntries(
    ['color', 'compose', 'crops', 'geometric', 'mean-image', 'noise', 'pca'].map((name) => [
      `data/images/${name}.ts`,
      async () => ({ ...(await digits()), data, images: batch(), zeros }),
    ]),
  ),
  'data/readers/wav.ts': () => ({ wave }),
  ...Object.fromEntries(
    [
      'audio/mel',
      'audio/resample',
      'audio/spectrum',
      'text/bpe',
      'text/tokenizer',
      'text/vocabulary',
    ].map((name) => [`data/${name}.ts`, () => ({ data })]),
  ),
  'serve/serve.ts': () => ({ servableOf }),
  'data/statistics.ts': async () => ({ ...(await data.digits()), DataLoader: data.DataLoader }),
  'data/dataloader.ts': async () => ({ ...(await digits()), ...(await data.digits()) }),
}

/** What an example of this file may name. */
export async function scopeOf(file: string): Promise<Scope> {
  return {
    ...network(),
    ...(await digits()),
    BrickError,
    Tensor,
    variable,
    ...(await scopes[file]?.()),
  }
}

/** Compares what an expression gave with what the comment behind it says. */
export function plain(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return [...(value as Float32Array)]
  return value instanceof Tensor ? value.array() : value
}
