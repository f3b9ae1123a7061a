import type { ArrayView } from '../base/array.ts'
import type { ArchiveOptions } from './archive.ts'
import type { ArrayDataset } from './array-dataset.ts'
import type { TrainAndTest } from './digits.ts'
import type { IterableDataset } from './iterable.ts'
import type { DecodeOptions } from './readers/image.ts'
import type { ImageFolder, ImageFolderOptions } from './readers/image-folder.ts'
import type { Table, TableOptions } from './readers/table.ts'
import type { CsvOptions } from './readers/tables.ts'
import type { Sound } from './readers/wav.ts'
import type { CifarOptions } from './sets/cifar.ts'
import type { Tokenizer } from './text/tokenizer.ts'

// These read and cache files: they are fetched when called, so that browsers need none of Node.

/**
 * MNIST: 60,000 handwritten digits to train, 10,000 to test. Inputs u8 `[n, 1, 28, 28]`, targets
 * i32 `[n]`. From `BRICKWORK_DATA/mnist`, the user's cache folder, or downloaded into it once.
 *
 * @throws BrickError `file` for a file that is damaged or can't be written, `network` if no mirror
 * can be reached.
 * @example
 * ```ts
 * const { train, test } = await data.mnist()
 * ```
 */
export async function mnist(options?: ArchiveOptions): Promise<TrainAndTest> {
  return (await import('./mnist.ts')).mnist(options)
}

/**
 * Fashion-MNIST: as {@link mnist}, with ten kinds of clothing.
 *
 * @throws BrickError as {@link mnist}.
 * @example
 * ```ts
 * const { train, test } = await data.fashionMnist()
 * ```
 */
export async function fashionMnist(options?: ArchiveOptions): Promise<TrainAndTest> {
  return (await import('./mnist.ts')).fashionMnist(options)
}

/**
 * CIFAR-10: 50,000 colour images to train, 10,000 to test. Inputs u8 `[n, 3, 32, 32]`, targets i32
 * `[n]`. From `BRICKWORK_DATA/cifar10`, the user's cache folder, or downloaded into it once.
 *
 * @throws BrickError as {@link mnist}.
 * @example
 * ```ts
 * const { train, test } = await data.cifar10()
 * ```
 */
export async function cifar10(options?: ArchiveOptions): Promise<TrainAndTest> {
  return (await import('./sets/cifar.ts')).cifar10(options)
}

/**
 * Files in CIFAR's binary form: records of a label byte and the planes R, G, B of 32 × 32 pixels.
 *
 * @throws BrickError `file` if one can't be read or is cut, `argument` for a label that is no class.
 * @example
 * ```ts
 * const signs = await data.readCifar(['gtsrb32-train.bin.gz'], { name: 'signs' })
 * ```
 */
export async function readCifar(
  paths: readonly string[],
  options: CifarOptions,
): Promise<ArrayDataset> {
  return (await import('./sets/cifar.ts')).readCifar(paths, options)
}

/**
 * A dataset of images in a folder with one folder for each class: `flowers/rose/1.jpg`. Inputs u8
 * [channels, height, width], decoded and resized when they are asked for.
 *
 * @throws BrickError `file` for a folder that can't be read or has no class folders, a class folder
 * without images (by name), or, when it is read, a corrupt image.
 * @example
 * ```ts
 * const flowers = await data.imageFolder('flowers', { size: 64, corrupt: 'skip' })
 * ```
 */
export async function imageFolder(path: string, options: ImageFolderOptions): Promise<ImageFolder> {
  return (await import('./readers/image-folder.ts')).imageFolder(path, options)
}

/**
 * An image file as bytes [channels, height, width].
 *
 * @throws BrickError `file` if it is missing, no image or damaged.
 * @example
 * ```ts
 * const cat = await data.readImage('cat.jpg', { width: 224, height: 224, channels: 3 })
 * ```
 */
export async function readImage(path: string, options: DecodeOptions): Promise<ArrayView<'u8'>> {
  return (await import('./readers/image.ts')).decodeImage(path, options)
}

/**
 * A table of cells with commas or tabs between, with a type for each column.
 *
 * @throws BrickError `file` for a file that can't be read, a row that is too short or too long, or
 * a bad cell (row, column and value); `argument` for a column that isn't there.
 * @example
 * ```ts
 * const houses = await data.readCsv('houses.csv', { missing: { area: 'median' } })
 * const dataset = houses.dataset({ target: 'price' })
 * ```
 */
export async function readCsv(path: string, options?: CsvOptions): Promise<Table> {
  return (await import('./readers/tables.ts')).readCsv(path, options)
}

/**
 * JSON lines of objects as a table: a key is a column; one that isn't there, or null, a missing cell.
 *
 * @throws BrickError `file` for a line that is no object, or a bad cell.
 * @example
 * ```ts
 * const reviews = await data.readJsonLines('reviews.jsonl', { columns: { text: 'text' } })
 * ```
 */
export async function readJsonLines(path: string, options?: TableOptions): Promise<Table> {
  return (await import('./readers/tables.ts')).readJsonLines(path, options)
}

/**
 * The lines of a text file one after the other, without their ends; .gz is unpacked.
 *
 * Reading throws BrickError `file` if the file can't be read.
 *
 * @example
 * ```ts
 * const words = (await data.textLines('novel.txt')).map((line) => line.split(' '))
 * ```
 */
export async function textLines(path: string): Promise<IterableDataset<string>> {
  const { TextLines } = await import('./readers/lines.ts')
  return new TextLines(path)
}

/**
 * The values of a file of JSON lines, one after the other.
 *
 * Reading throws BrickError `file` that names a line that is no JSON.
 *
 * @example
 * ```ts
 * for await (const value of await data.jsonLines('log.jsonl')) console.log(value)
 * ```
 */
export async function jsonLines(path: string): Promise<IterableDataset<unknown>> {
  const { JsonLines } = await import('./readers/lines.ts')
  return new JsonLines(path)
}

/**
 * A WAV file's samples [channels, length], from −1 to 1.
 *
 * @throws BrickError `file` for one that is missing, no WAV, cut or empty.
 * @example
 * ```ts
 * const { sampleRate, samples } = await data.readWav('seven_theo_3.wav')
 * ```
 */
export async function readWav(path: string): Promise<Sound> {
  return (await import('./readers/wav.ts')).readWav(path)
}

/**
 * An array of NumPy's .npy.
 *
 * @throws BrickError `file` that says what is malformed.
 * @example
 * ```ts
 * const weights = await data.readNpy('weights.npy')
 * ```
 */
export async function readNpy(path: string): Promise<ArrayView> {
  return (await import('./readers/npy.ts')).readNpy(path)
}

/**
 * Writes an array as NumPy's .npy.
 *
 * @throws BrickError `file` if it can't be written, `shape` if the data don't fill the shape.
 * @example
 * ```ts
 * await data.writeNpy('ids.npy', { dtype: 'i32', shape: [2], data: Int32Array.of(1, 2) })
 * ```
 */
export async function writeNpy(path: string, array: ArrayView): Promise<void> {
  return (await import('./readers/npy.ts')).writeNpy(path, array)
}

/**
 * The arrays of NumPy's .npz, by name.
 *
 * @throws BrickError `file` that says what is malformed.
 * @example
 * ```ts
 * const arrays = await data.readNpz('mnist.npz')
 * ```
 */
export async function readNpz(path: string): Promise<Map<string, ArrayView>> {
  return (await import('./readers/npy.ts')).readNpz(path)
}

/**
 * Writes named arrays as NumPy's .npz, compressed.
 *
 * @throws BrickError `file` if it can't be written, `shape` if data don't fill a shape.
 * @example
 * ```ts
 * await data.writeNpz('ids.npz', { ids: { dtype: 'i32', shape: [1], data: Int32Array.of(1) } })
 * ```
 */
export async function writeNpz(
  path: string,
  arrays: Readonly<Record<string, ArrayView>>,
): Promise<void> {
  return (await import('./readers/npy.ts')).writeNpz(path, arrays)
}

/**
 * Writes a tokeniser as JSON.
 *
 * @throws BrickError `file` if it can't be written; an old file stays whole then.
 * @example
 * ```ts
 * await data.saveTokenizer('tokenizer.json', data.CharTokenizer.train('abc'))
 * ```
 */
export async function saveTokenizer(path: string, tokenizer: Tokenizer): Promise<void> {
  const { writeAtomically } = await import('../files/atomic.ts')
  await writeAtomically(path, new TextEncoder().encode(`${JSON.stringify(tokenizer)}\n`))
}

/**
 * Reads a tokeniser that {@link saveTokenizer} wrote.
 *
 * @throws BrickError `file` if it can't be read or is none.
 * @example
 * ```ts
 * const tokenizer = await data.loadTokenizer('tokenizer.json')
 * ```
 */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  return (await import('./load-tokenizer.ts')).loadTokenizer(path)
}
