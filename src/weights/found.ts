import { readdir, stat } from 'node:fs/promises'
import { BrickError } from '../base/errors.ts'
import { fileError } from '../files/errors.ts'
import { RandomAccess } from '../files/random-access.ts'
import { START_BYTES } from '../files/torch/torch-file.ts'

/** What a path holds, as far as it was looked at. */
export interface Found {
  readonly path: string
  /** The first bytes of a file. */
  readonly start: Uint8Array
  /** The names in a folder; undefined for a file. */
  readonly folder: readonly string[] | undefined
}

/** @throws BrickError `file` for what is missing or can't be read. */
export async function lookAt(path: string): Promise<Found> {
  const found = await stat(path).catch((error) => {
    throw fileError('read', path, error)
  })
  if (found.isDirectory()) {
    const folder = await readdir(path).catch((error) => {
      throw fileError('read', path, error)
    })
    return { path, start: new Uint8Array(), folder }
  }
  const file = await RandomAccess.open(path)
  try {
    return { path, start: await file.read(0, Math.min(START_BYTES, file.size)), folder: undefined }
  } finally {
    await file.close()
  }
}

export const latin = (bytes: Uint8Array): string => new TextDecoder('latin1').decode(bytes)

/** Eight bytes of a length, of which the upper ones are 0, then JSON. */
export const isSafetensors = ({ start }: Found): boolean =>
  start.length > 8 && start[8] === 0x7b && start[6] === 0 && start[7] === 0

export const isJson = ({ start }: Found): boolean => /^\s*\{/.test(latin(start))

/**
 * A protobuf message that begins with the version of ONNX's format, below 32, and goes on with another
 * of its fields: numbers 2 to 8 and 20, texts but for model_version's number.
 */
export const isOnnx = ({ start }: Found): boolean =>
  start[0] === 0x08 &&
  start[1]! < 32 &&
  [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0xa2].includes(start[2]!)

/** Files that are taken for weights, what they are, and what to do. */
const others: readonly [pattern: RegExp, what: string, remedy: string][] = [
  [/^$/, 'an empty file', 'Download or save it again.'],
  [
    /^version https:\/\/git-lfs/,
    'a pointer of Git LFS, not the file',
    'Fetch the file itself: git lfs pull.',
  ],
  [/^\s*<(!doctype|html)/i, 'a web page', 'Download the file itself, not the page that shows it.'],
  [
    /^\x89HDF/,
    'HDF5, as Keras writes it',
    'Save it as safetensors or .npz: numpy.savez(path, **{w.name: w.numpy() for w in model.weights}).',
  ],
  [/^[^ -~]\x8b/, 'a gzip file', 'Unpack it first: gunzip.'],
  [/^(\x89PNG|\xff\xd8\xff|GIF8)/, 'an image', 'Choose the file of the weights.'],
]

/** The error for a path that none of these formats recognises. */
export function unknownFormat(
  { path, start, folder }: Found,
  names: readonly string[],
): BrickError {
  const [, what, remedy] = (!folder && others.find(([kind]) => kind.test(latin(start)))) || []
  const bytes = [...start.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0'))
  const unknown = folder
    ? `a folder of ${folder.length ? folder.slice(0, 8).join(', ') : 'nothing'}`
    : `a file that begins with ${bytes.join(' ')}`
  return new BrickError({
    kind: 'file',
    where: path,
    wanted: `weights: ${names.join(', ')}`,
    got: what ?? unknown,
    ...(remedy === undefined ? {} : { remedy }),
  })
}
