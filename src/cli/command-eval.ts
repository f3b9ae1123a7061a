import { crossEntropy } from '../nn/losses/cross-entropy.ts'
import { evaluate } from '../train/evaluate.ts'
import { accuracy, confusion } from '../train/metrics.ts'
import { onBackend } from './backend.ts'
import { datasetRecord } from './datasets.ts'
import type { EvalFlags } from './flags.ts'
import type { Output } from './output.ts'
import { openRun } from './saved-run.ts'
import { drawConfusion } from './terminal/confusion.ts'

/** Measures a trained network on its dataset's test part. */
export async function evalCommand(run: string, flags: EvalFlags, output: Output): Promise<number> {
  return onBackend(flags, async (backend) => {
    const { model, config, checkpoint } = await openRun(run, flags.checkpoint)
    const { test } = await datasetRecord(config.data).load()
    const found = await evaluate(model, test, {
      loss: crossEntropy,
      metrics: [accuracy, confusion(config.classNames.length)],
      normalize: config.normalize ?? {},
    })
    const { accuracy: share, confusion: counts } = found.metrics as unknown as Measured
    const { loss, examples } = found
    const epoch = checkpoint.state.history.length
    output.event({ event: 'eval', run, data: test.name, examples, loss, ...found.metrics })
    const right = Math.round(share * examples)
    output.print(`${config.model} after ${epoch} epochs, on ${test.name} (${backend.name})\n`)
    output.print(`  accuracy  ${(100 * share).toFixed(2)} %  (${right} of ${examples})`)
    output.print(`  loss      ${loss.toFixed(4)}\n`)
    output.print(drawConfusion(counts, config.classNames, output))
    return 0
  })
}

interface Measured {
  readonly accuracy: number
  readonly confusion: number[][]
}
