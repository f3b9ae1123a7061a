import { ArrayDataset } from './array-dataset.ts'
import { assetText, damaged } from './asset.ts'

const PIXELS = 64
const EXAMPLES = 1797
const TEST = 360

/** A training part and a test part that share no example. */
export interface TrainAndTest {
  readonly train: ArrayDataset
  readonly test: ArrayDataset
}

/**
 * 1,797 real handwritten digits that come with the package: 1,437 to train, 360 to test (a fixed
 * split, stratified by class). Inputs f32 `[n, 1, 8, 8]` from 0 (paper) to 1 (ink), targets i32
 * `[n]`. Works in the browser too.
 *
 * Source: Alpaydin and Kaynak, “Optical Recognition of Handwritten Digits”, UCI, 1998 (CC BY 4.0).
 *
 * @throws BrickError `file` if the package's file is missing or damaged.
 * @example
 * ```ts
 * const { train, test } = await digits()
 * train.inputs.shape // [1437, 1, 8, 8]
 * ```
 */
export async function digits(): Promise<TrainAndTest> {
  const text = await assetText('digits.csv.gz')
  const [train, test] = parse(text).split([EXAMPLES - TEST, TEST], { stratified: true })
  return { train: named(train!, 'digits/train'), test: named(test!, 'digits/test') }
}

function named(dataset: ArrayDataset, name: string): ArrayDataset {
  return new ArrayDataset({ ...dataset, name })
}

/** Lines of 64 pixels from 0 to 16 and the label. */
function parse(text: string): ArrayDataset {
  const lines = text.trim().split('\n')
  if (lines.length !== EXAMPLES) {
    throw damaged('digits.csv.gz', `${EXAMPLES} lines`, `${lines.length}`)
  }
  const pixels = new Float32Array(EXAMPLES * PIXELS)
  const labels = new Int32Array(EXAMPLES)
  lines.forEach((line, i) => {
    const values = line.split(',').map(Number)
    if (values.length !== PIXELS + 1 || !values.every((value) => value >= 0 && value <= 16)) {
      throw damaged(`digits.csv.gz: line ${i + 1}`, '65 numbers from 0 to 16', line)
    }
    for (let p = 0; p < PIXELS; p++) pixels[i * PIXELS + p] = values[p]! / 16
    labels[i] = values[PIXELS]!
  })
  return new ArrayDataset({
    name: 'digits',
    inputs: { dtype: 'f32', shape: [EXAMPLES, 1, 8, 8], data: pixels },
    targets: { dtype: 'i32', shape: [EXAMPLES], data: labels },
    classNames: Array.from({ length: 10 }, (_, digit) => `${digit}`),
  })
}
