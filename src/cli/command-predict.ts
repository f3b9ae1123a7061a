import { onBackend } from './backend.ts'
import type { PredictFlags } from './flags.ts'
import { printGuesses } from './guesses.ts'
import type { Output } from './output.ts'
import { openSavedRun } from './saved-run.ts'

/** Classes that are shown for an image. */
const SHOWN = 3

/** Says of each image which class it shows. */
export async function predictCommand(
  run: string,
  images: readonly string[],
  flags: PredictFlags,
  output: Output,
): Promise<number> {
  return onBackend(flags, async () => {
    const { classifier } = await openSavedRun(run, flags.checkpoint)
    const all = await classifier.classify(images, { top: classifier.classNames.length })
    for (const [i, guesses] of all.entries()) {
      const [best] = guesses
      output.event({
        event: 'prediction',
        image: images[i],
        class: best!.name,
        probability: best!.probability,
        probabilities: Object.fromEntries(
          guesses.map(({ name, probability }) => [name, probability]),
        ),
      })
      printGuesses(images[i]!, guesses.slice(0, SHOWN), output)
    }
    return 0
  })
}
