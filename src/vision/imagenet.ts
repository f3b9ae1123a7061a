import { BrickError } from '../base/errors.ts'
import { type Archive, type ArchiveFile, archiveFile } from '../data/archive.ts'

/** ImageNet's classes in the order of its networks. */
export interface ImageNetClasses {
  /** 'tench, Tinca tinca', … */
  readonly names: readonly string[]
  /** WordNet's numbers, which are the class folders' names: n01440764, … */
  readonly ids: readonly string[]
}

const archive: Archive = {
  name: 'squeezenet1.1',
  mirrors: ['https://raw.githubusercontent.com/Tencent/ncnn/master/examples'],
}

const file: ArchiveFile = {
  name: 'imagenet-synset-words.txt',
  remote: 'synset_words.txt',
  sha256: 'ae3fba5fcc74d2c0b6db492b24c55c211358613c02bebc7a3ceab574a153231f',
}

/**
 * The names of ImageNet's 1000 classes: from `BRICKWORK_DATA`, the user's cache folder, or
 * downloaded into it once (31 kB).
 *
 * @throws BrickError `file` for a damaged file, `network` if no mirror has it.
 */
export async function imagenetClasses(): Promise<ImageNetClasses> {
  const { content, path } = await archiveFile(archive, file)
  const lines = new TextDecoder().decode(content).trim().split('\n')
  const rows = lines.map((line) => /^(n\d{8}) (.+)$/.exec(line.trim()))
  if (rows.length === 1000 && rows.every((row) => row !== null)) {
    return { ids: rows.map((row) => row[1]!), names: rows.map((row) => row[2]!) }
  }
  throw new BrickError({
    kind: 'file',
    where: path,
    wanted: '1000 lines of a number and names',
    got: `${lines.length} lines`,
    remedy: 'Delete the file, so that it is downloaded.',
  })
}
