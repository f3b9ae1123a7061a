import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'
import { checkRow, Dataset, type Example } from '../data/dataset.ts'
import type { ImageFolderOptions } from '../data/readers/image-folder.ts'
import type { Classifier } from './classifier.ts'
import { networkFolder } from './image-sets.ts'

/** What becomes of images that can't be decoded: as `data.imageFolder`'s. */
export type LabelledFolderOptions = Pick<ImageFolderOptions, 'corrupt' | 'onSkip'>

/**
 * A folder of images in class folders, labelled with a network's own classes: a class folder is
 * called by the class's name, one of its names (`tabby`), or its id (`n02123045`). Of a folder with
 * the parts `train` and `val` (or `validation`, `test`), the latter is taken.
 *
 * @throws BrickError `file` for a folder that can't be read, `argument` for a class folder that is
 * none of the network's classes.
 */
export async function labelledFolder(
  folder: string,
  classifier: Classifier,
  options: LabelledFolderOptions = {},
): Promise<Dataset> {
  const part = ['val', 'valid', 'validation', 'test'].find((name) => existsSync(join(folder, name)))
  const path = part === undefined ? folder : join(folder, part)
  const images = await networkFolder(path, classifier.preprocessing, options)
  const labels = images.classNames!.map((name) => labelOf(name, classifier, path))
  return new Relabelled(images, labels, classifier.classNames)
}

/** Examples with other class numbers. */
class Relabelled extends Dataset {
  readonly name: string
  readonly length: number
  override readonly classNames: readonly string[]
  readonly #source: Dataset
  readonly #own: Int32Array

  constructor(source: Dataset, labels: readonly number[], classNames: readonly string[]) {
    super()
    this.name = source.name
    this.length = source.length
    this.classNames = classNames
    this.#source = source
    this.#own = Int32Array.from(source.labels()!, (label) => labels[label]!)
  }

  override async get(index: number): Promise<Example> {
    checkRow(this, index)
    const { input } = await this.#source.get(index)
    return { input, target: { dtype: 'i32', shape: [], data: this.#own.slice(index, index + 1) } }
  }
  override labels(): Int32Array {
    return this.#own
  }
}

/** The class that a folder's name means. */
function labelOf(name: string, { classNames, classIds = [], name: model }: Classifier, at: string) {
  const wanted = name.toLowerCase().replaceAll('_', ' ')
  const id = classIds.indexOf(name)
  if (id >= 0) return id
  const same = classNames.findIndex((own) => own.toLowerCase().replaceAll('_', ' ') === wanted)
  if (same >= 0) return same
  const one = classNames.findIndex((own) => namesIn(own).includes(wanted))
  if (one >= 0) return one
  const near = nearest(wanted, classNames.flatMap(namesIn))
  throw new BrickError({
    kind: 'argument',
    where: join(at, name),
    wanted: `a folder named as one of the ${classNames.length} classes of ${model}`,
    got: `'${name}'`,
    remedy: near === undefined ? 'Rename the folder.' : `Is '${near}' meant? Rename the folder.`,
  })
}

const namesIn = (name: string): string[] =>
  name.split(',').map((part) => part.trim().toLowerCase().replaceAll('_', ' '))
