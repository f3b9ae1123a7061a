import { basename, extname, join } from 'node:path'
import { readNpy, readNpz } from '../data/readers/npy.ts'
import { heldTensors, type OpenTensors, renamedTensors } from '../files/open-tensors.ts'
import { RandomAccess } from '../files/random-access.ts'
import { openShards } from '../files/shards.ts'
import { openSafetensors } from '../files/tensor-file.ts'
import {
  isPickle,
  isTar,
  isZip,
  openTorch,
  pickleIn,
  type TorchOptions,
} from '../files/torch/torch-file.ts'
import { ZipFile } from '../files/zip.ts'
import { isCheckpoint } from '../train/checkpoint.ts'
import { servedNames } from '../train/session-state.ts'
import { type Found, isJson, isOnnx, isSafetensors, latin, lookAt, unknownFormat } from './found.ts'

/** A kind of file or folder that holds weights, known by its content. */
export interface WeightsFormat {
  readonly name: string
  readonly recognises: (found: Found) => boolean
  readonly open: (found: Found, options: TorchOptions) => Promise<OpenTensors>
}

/** Every kind that can be opened, in the order in which they are tried; the only list of them. */
export const formats: readonly WeightsFormat[] = [
  {
    name: 'a folder of a run or a model',
    recognises: ({ folder }) => weightsIn(folder) !== undefined,
    open: ({ path, folder }, options) => openWeights(join(path, weightsIn(folder)!), options),
  },
  {
    name: 'safetensors',
    recognises: isSafetensors,
    open: ({ path }) => openOwn(path),
  },
  {
    name: 'an index of several files',
    recognises: isJson,
    open: ({ path }, options) => openShards(path, (shard) => openShard(shard, options)),
  },
  {
    name: "PyTorch's zip or NumPy's .npz",
    recognises: ({ start }) => isZip(start),
    open: ({ path }, options) => openZip(path, options),
  },
  {
    name: "PyTorch's older files",
    recognises: ({ start }) => isPickle(start) || isTar(start),
    open: ({ path }, options) => openTorch(path, options),
  },
  {
    name: "NumPy's .npy",
    recognises: ({ start }) => latin(start).startsWith('\x93NUMPY'),
    open: ({ path }) => openNpy(path),
  },
  {
    name: 'the initialisers of ONNX',
    recognises: isOnnx,
    open: async ({ path }) => {
      const { readInitializers } = await import('../onnx/file/read.ts')
      return heldTensors(path, await readInitializers(path))
    },
  },
]

/**
 * Opens whatever holds weights: its format is known by its content, see {@link formats}.
 *
 * @throws BrickError `file` for what is missing, damaged, refused or of no known kind.
 */
export async function openWeights(path: string, options: TorchOptions = {}): Promise<OpenTensors> {
  const found = await lookAt(path)
  const format = formats.find(({ recognises }) => recognises(found))
  if (format) return format.open(found, options)
  throw unknownFormat(
    found,
    formats.map(({ name }) => name),
  )
}

/** One of several files: safetensors or PyTorch's, and never an index again. */
async function openShard(path: string, options: TorchOptions): Promise<OpenTensors> {
  return isSafetensors(await lookAt(path)) ? openSafetensors(path) : openTorch(path, options)
}

/** Files that folders keep weights in, the best first: of a run, then of a model from a hub. */
const inFolders = [
  'best.safetensors',
  'last.safetensors',
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
]

function weightsIn(folder: readonly string[] | undefined): string | undefined {
  return inFolders.find((name) => folder?.includes(name))
}

/** Of a run's checkpoint, the weights alone, averaged if the run keeps an average. */
async function openOwn(path: string): Promise<OpenTensors> {
  const file = await openSafetensors(path)
  return isCheckpoint(file.metadata) ? renamedTensors(file, servedNames(file.names)) : file
}

async function openZip(path: string, options: TorchOptions): Promise<OpenTensors> {
  const file = await RandomAccess.open(path)
  try {
    if (pickleIn(await ZipFile.open(file)) === undefined) {
      return heldTensors(path, await readNpz(path))
    }
  } finally {
    await file.close()
  }
  return openTorch(path, options)
}

/** The one array of a .npy, named as its file. */
async function openNpy(path: string): Promise<OpenTensors> {
  const name = basename(path, extname(path))
  return heldTensors(path, new Map([[name, await readNpy(path)]]))
}
