import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BrickError } from '../../base/errors.ts'
import { fileError } from '../../files/errors.ts'
import { isGzip, unpackGzip } from '../../files/gunzip.ts'
import { type Archive, type ArchiveFile, type ArchiveOptions, archiveFile } from '../archive.ts'
import { ArrayDataset } from '../array-dataset.ts'
import type { TrainAndTest } from '../digits.ts'

/** A label byte, then the planes R, G and B of 32 × 32 pixels. */
const RECORD = 1 + 3 * 32 * 32

/** A dataset in CIFAR's binary files, inside one archive. */
export interface CifarArchive extends Archive {
  readonly archive: ArchiveFile
  readonly train: readonly ArchiveFile[]
  readonly test: readonly ArchiveFile[]
  readonly classNames: readonly string[]
}

const cifar10Archive: CifarArchive = {
  name: 'cifar10',
  mirrors: ['https://www.cs.toronto.edu/~kriz'],
  archive: {
    name: 'cifar-10-binary.tar.gz',
    packed: 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd',
  },
  train: [
    'cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5',
    'a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed',
    'bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67',
    '014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48',
    '755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add',
  ].map((sha256, i) => ({ name: `data_batch_${i + 1}.bin`, sha256 })),
  test: [
    {
      name: 'test_batch.bin',
      sha256: '8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b',
    },
  ],
  classNames: 'airplane automobile bird cat deer dog frog horse ship truck'.split(' '),
}

/**
 * CIFAR-10: 50,000 colour images to train, 10,000 to test. Inputs u8 `[n, 3, 32, 32]`, targets i32
 * `[n]`. The binary files `data_batch_1.bin` … `test_batch.bin` or the archive
 * `cifar-10-binary.tar.gz` are taken from `BRICKWORK_DATA/cifar10`, else the archive from the
 * user's cache folder, else it is downloaded into it once (170 MB).
 *
 * Source: Krizhevsky, “Learning multiple layers of features from tiny images”, 2009.
 *
 * @throws BrickError `file` for a file that is damaged or can't be written, `network` if no mirror
 * can be reached.
 * @example
 * ```ts
 * const { train } = await cifar10()
 * train.inputs.shape // [50000, 3, 32, 32]
 * ```
 */
export function cifar10(options: ArchiveOptions = {}): Promise<TrainAndTest> {
  return loadCifar(cifar10Archive, options)
}

/** Both parts of a dataset in CIFAR's binary form. */
export async function loadCifar(
  archive: CifarArchive,
  options: ArchiveOptions = {},
): Promise<TrainAndTest> {
  const files = (await filesThere(archive)) ?? (await filesInArchive(archive, options))
  const part = (name: 'train' | 'test') =>
    parseCifar(
      archive[name].map((file) => files.get(file.name)!),
      {
        name: `${archive.name}/${name}`,
        classNames: archive.classNames,
      },
    )
  return { train: part('train'), test: part('test') }
}

/** The single files, if the user's data folder has all of them. */
async function filesThere(archive: CifarArchive): Promise<Map<string, NamedBytes> | undefined> {
  const data = process.env['BRICKWORK_DATA']
  if (!data) return undefined
  const found = new Map<string, NamedBytes>()
  for (const file of [...archive.train, ...archive.test]) {
    const path = join(data, archive.name, file.name)
    const bytes = await readFile(path).catch(() => undefined)
    if (!bytes) return undefined
    checkContent({ where: path, bytes }, file)
    found.set(file.name, { where: path, bytes })
  }
  return found
}

async function filesInArchive(
  archive: CifarArchive,
  options: ArchiveOptions,
): Promise<Map<string, NamedBytes>> {
  const { parseTar } = await import('nanotar')
  const { content, path } = await archiveFile(archive, archive.archive, options)
  const members = new Map(parseTar(content).map(({ name, data }) => [name.split('/').at(-1), data]))
  const found = new Map<string, NamedBytes>()
  for (const file of [...archive.train, ...archive.test]) {
    const named = {
      where: `${path}: ${file.name}`,
      bytes: members.get(file.name) ?? new Uint8Array(),
    }
    checkContent(named, file)
    found.set(file.name, named)
  }
  return found
}

function checkContent({ where, bytes }: NamedBytes, { name, sha256 }: ArchiveFile): void {
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found === sha256) return
  throw new BrickError({
    kind: 'file',
    where,
    wanted: `the original ${name} (SHA-256 ${sha256})`,
    got: `${bytes.length} other bytes (${found})`,
    remedy: 'Replace the file with the original, or delete it, so that it is downloaded.',
  })
}

interface NamedBytes {
  /** The file's name, for errors. */
  readonly where: string
  readonly bytes: Uint8Array
}

export interface CifarOptions {
  readonly name: string
  readonly classNames?: readonly string[]
}

/**
 * Reads files in CIFAR's binary form: records of a label byte and 3,072 bytes (planes R, G, B of
 * 32 × 32). Gzipped ones are unpacked.
 *
 * @throws BrickError `file` if one can't be read or is cut, `argument` for a label that is no class.
 * @example
 * ```ts
 * const signs = await readCifar(['gtsrb32-train.bin.gz'], { name: 'signs' })
 * ```
 */
export async function readCifar(
  paths: readonly string[],
  options: CifarOptions,
): Promise<ArrayDataset> {
  const read = async (where: string) => {
    try {
      const bytes = await readFile(where)
      const isZipped = isGzip(bytes) && bytes.length % RECORD !== 0
      return { where, bytes: isZipped ? await unpackGzip(bytes, where) : bytes }
    } catch (error) {
      throw fileError('read', where, error)
    }
  }
  return parseCifar(await Promise.all(paths.map(read)), options)
}

function parseCifar(files: readonly NamedBytes[], { name, classNames }: CifarOptions) {
  for (const { where, bytes } of files) {
    if (bytes.length > 0 && bytes.length % RECORD === 0) continue
    throw new BrickError({
      kind: 'file',
      where,
      wanted: `records of ${RECORD} bytes`,
      got: `${bytes.length} bytes`,
      remedy: 'Replace the file with the original, or delete it, so that it is downloaded.',
    })
  }
  const n = files.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0)
  const pixels = new Uint8Array(n * (RECORD - 1))
  const labels = new Int32Array(n)
  let at = 0
  for (const { bytes } of files) {
    for (let start = 0; start < bytes.length; start += RECORD, at++) {
      labels[at] = bytes[start]!
      pixels.set(bytes.subarray(start + 1, start + RECORD), at * (RECORD - 1))
    }
  }
  return new ArrayDataset({
    name,
    inputs: { dtype: 'u8', shape: [n, 3, 32, 32], data: pixels },
    targets: { dtype: 'i32', shape: [n], data: labels },
    classNames,
  })
}
