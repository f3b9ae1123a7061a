import { checkRow, Dataset, type Example } from '../data/dataset.ts'
import type { ImageSource } from '../data/readers/image.ts'
import { type Preprocessing, readPixels } from './preprocessing.ts'

/** Images without labels, decoded for a network when they are asked for; their targets are 0. */
export class ImageFiles extends Dataset {
  readonly name = 'images'
  readonly length: number
  readonly #sources: readonly ImageSource[]
  readonly #preprocessing: Preprocessing

  constructor(sources: readonly ImageSource[], preprocessing: Preprocessing) {
    super()
    this.length = sources.length
    this.#sources = sources
    this.#preprocessing = preprocessing
  }

  /** Input u8 [channels, height, width]. */
  override async get(index: number): Promise<Example> {
    checkRow(this, index)
    const input = await readPixels(this.#sources[index]!, this.#preprocessing)
    return { input, target: { dtype: 'i32', shape: [], data: new Int32Array(1) } }
  }
}
