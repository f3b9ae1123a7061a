import { BrickError } from '../base/errors.ts'
import { ArrayDataset } from '../data/array-dataset.ts'
import { predict } from '../train/predict.ts'
import { onBackend } from './backend.ts'
import { datasetRecord } from './datasets.ts'
import type { EvalFlags } from './flags.ts'
import { readImage } from './image.ts'
import type { Output } from './output.ts'
import { openRun, type RunConfig } from './saved-run.ts'

/** Classes that are shown for an image. */
const SHOWN = 3
const BAR = 20

/** Says of each image which class it shows. */
export async function predictCommand(
  run: string,
  images: readonly string[],
  flags: EvalFlags,
  output: Output,
): Promise<number> {
  return onBackend(flags, async () => {
    const { model, config } = await openRun(run, flags.checkpoint)
    const dataset = await readImages(images, config)
    const scores = await predict(model, dataset, { normalize: normalizeOf(config) })
    const classes = config.classNames.length
    for (const [i, image] of images.entries()) {
      const row = scores.data.subarray(i * classes, (i + 1) * classes)
      show(image, softmax(row), config.classNames, output)
    }
    return 0
  })
}

/** The training data's normalisation, for images that are scaled to 0 … 1 already. */
function normalizeOf({ normalize }: RunConfig) {
  return normalize ? { mean: normalize.mean, std: normalize.std, scale: 1 } : {}
}

async function readImages(paths: readonly string[], config: RunConfig): Promise<ArrayDataset> {
  const [channels, height, width] = config.inputShape
  if (!height || !width || (channels !== 1 && channels !== 3)) {
    throw new BrickError({
      kind: 'shape',
      where: `predict: ${config.model}`,
      wanted: 'a network for images [1 or 3, height, width]',
      got: JSON.stringify(config.inputShape),
    })
  }
  const { isInk: fitDigit } = datasetRecord(config.data)
  const options = { width, height, channels, fitDigit } as const
  const size = channels * height * width
  const data = new Float32Array(paths.length * size)
  for (const [i, path] of paths.entries()) data.set((await readImage(path, options)).data, i * size)
  return new ArrayDataset({
    name: 'images',
    inputs: { dtype: 'f32', shape: [paths.length, channels, height, width], data },
    targets: { dtype: 'i32', shape: [paths.length], data: new Int32Array(paths.length) },
  })
}

/** Shares that sum to 1. */
function softmax(scores: Float32Array): number[] {
  const highest = scores.reduce((a, b) => Math.max(a, b))
  const powers = Array.from(scores, (score) => Math.exp(score - highest))
  const sum = powers.reduce((a, b) => a + b)
  return powers.map((power) => power / sum)
}

function show(
  image: string,
  shares: readonly number[],
  names: readonly string[],
  output: Output,
): void {
  const ranked = shares.map((share, i) => ({ share, name: names[i]! }))
  ranked.sort((a, b) => b.share - a.share)
  const best = ranked[0]!
  output.event({
    event: 'prediction',
    image,
    class: best.name,
    probability: best.share,
    probabilities: Object.fromEntries(names.map((name, i) => [name, shares[i]!])),
  })
  const { bold, dim, cyan } = output.colors
  output.print(`${image}  ${bold(best.name)}`)
  const wide = Math.max(...names.map((name) => name.length))
  for (const { share, name } of ranked.slice(0, SHOWN)) {
    const full = Math.round(share * BAR)
    const bar = `${cyan('━'.repeat(full))}${dim('─'.repeat(BAR - full))}`
    output.print(`  ${name.padEnd(wide)}  ${bar}  ${(100 * share).toFixed(1).padStart(5)} %`)
  }
  output.print()
}
