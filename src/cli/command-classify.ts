import { writeAtomically } from '../files/atomic.ts'
import { labelledPicture } from '../vision/picture.ts'
import { onBackend } from './backend.ts'
import type { ClassifyFlags } from './flags.ts'
import { printGuesses } from './guesses.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'

/** Images in one picture, which takes a megabyte of memory for each. */
const PICTURED = 100

/** Says of each image what a network sees on it, as text and, if asked for, as a labelled picture. */
export async function classifyCommand(
  images: readonly string[],
  flags: ClassifyFlags,
  output: Output,
): Promise<number> {
  return onBackend(flags, async () => {
    const network = await openNetwork(flags.model, flags)
    const { top = 5, out } = flags
    const all = await network.classify(images, { top })
    for (const [i, guesses] of all.entries()) {
      output.event({ event: 'classification', image: images[i], model: network.name, guesses })
      printGuesses(images[i]!, guesses, output)
    }
    if (out !== undefined) {
      const shown = images.slice(0, PICTURED).map((image, i) => ({ image, guesses: all[i]! }))
      await writeAtomically(out, await labelledPicture(shown))
      output.event({ event: 'picture', path: out, images: shown.length })
      const part = shown.length < images.length ? ` (the first ${shown.length} images)` : ''
      output.print(`picture  ${out}${part}`)
    }
    return 0
  })
}
