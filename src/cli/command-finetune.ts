import { basename } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { manualSeed } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { holdsRun } from '../train/checkpoint.ts'
import { resized } from '../vision/preprocessing.ts'
import { transfer } from '../vision/transfer.ts'
import { onBackend } from './backend.ts'
import { commandPrefix } from './command-prefix.ts'
import { CorruptImages } from './corrupt-images.ts'
import { classNamesOf, dataSource } from './datasets.ts'
import { type FinetunePlan, type FinetuneTask, finetuned } from './finetune-phases.ts'
import type { FinetuneFlags } from './flags.ts'
import { onInterrupt } from './interrupt.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'
import { reportRun } from './report.ts'
import { freshRunFolder } from './run-folder.ts'
import { methodsOf, type RunConfig } from './saved-run.ts'
import { heldOut } from './sets.ts'

const SEED = 1
const INTERRUPTED = 130
/** Examples that are kept back to choose by, unless the user says how many: a tenth. */
const HELD_OUT = 0.1

/** What is usual: the new layer first, then all of them, ten times as carefully. */
const usual = { headEpochs: 15, epochs: 5, batch: 32, lrHead: 1e-3, lrFeatures: 1e-4 }

/** Teaches a network with pretrained features other classes, and keeps it in a run folder. */
export async function finetuneCommand(flags: FinetuneFlags, output: Output): Promise<number> {
  const interrupt = onInterrupt(() =>
    output.error('\nStopping after this step. Ctrl-C again ends at once.'),
  )
  try {
    return await onBackend(flags, async (backend) => {
      const task = await prepare(flags, interrupt.signal, output)
      const { folder, config, sets } = task
      announce(task, backend.name, output)
      const run = await finetuned(task, output)
      if (run === undefined || run.stoppedBy === 'aborted') return stopped(folder, output)
      await reportRun({ run, folder, config, test: sets.test, isTransferred: true }, output)
      return 0
    })
  } finally {
    interrupt.release()
  }
}

/** Says what is left after Ctrl-C. */
function stopped(folder: string, output: Output): number {
  const isKept = holdsRun(folder)
  output.event({ event: 'interrupted', folder: isKept ? folder : null })
  output.print(
    isKept
      ? `\nStopped. To measure what it has learnt so far:\n  ${commandPrefix()} eval ${folder}`
      : '\nStopped before the end of the first epoch: nothing is kept.',
  )
  return INTERRUPTED
}

async function prepare(
  flags: FinetuneFlags,
  signal: AbortSignal,
  output: Output,
): Promise<FinetuneTask> {
  checkPhases(flags)
  if (flags.out !== undefined && holdsRun(flags.out)) throw taken(flags.out)
  const source = dataSource(flags.data)
  const base = await openNetwork(flags.model, flags)
  const own = source.suited(base.preprocessing)
  const preprocessing = flags.size === undefined ? own : resized(own, flags.size)
  const corrupt = new CorruptImages(flags.skipCorrupt)
  const whole = await source.load(preprocessing, corrupt.options)
  corrupt.tell(output)
  const classNames = classNamesOf(whole.train)
  const seed = flags.seed ?? SEED
  const kept = flags.holdOut ?? Math.ceil(whole.train.length * HELD_OUT)
  manualSeed(seed)
  const network = transfer(base, { classNames, preprocessing })
  const plan = planOf(flags)
  const config: RunConfig = {
    ...methodsOf({ ...flags, holdOut: kept }),
    model: network.classifier.architecture!,
    data: source.name,
    classNames,
    preprocessing,
    optimizer: 'adam',
    lr: plan.lrHead,
    epochs: plan.isFrozen ? plan.headEpochs : plan.epochs,
    batch: plan.batch,
    seed,
    patience: null,
  }
  const folder = flags.out ?? (await freshRunFolder(config.model, source.name))
  const sets = heldOut(whole, kept, seed)
  const changing = plan.augment
    ? heldOut(await source.load(preprocessing, { ...corrupt.options, augments: true }), kept, seed)
    : sets
  const { train: changingTrain } = changing
  return { base: base.name, source, network, sets, changingTrain, config, plan, folder, signal }
}

/** Options of a phase that there will not be are a mistake. */
function checkPhases({ freeze, ...flags }: FinetuneFlags): void {
  const ofAllLayers = { epochs: '--epochs', lrFeatures: '--lr-features', augment: '--augment' }
  const found = Object.entries(ofAllLayers).find(([name]) => Object.hasOwn(flags, name))
  if (freeze === undefined || found === undefined) return
  throw new BrickError({
    kind: 'argument',
    where: 'finetune',
    wanted: 'with --freeze features, options of the new layer alone',
    got: `${found[1]}, which is for training all layers`,
    remedy: 'Leave it out; --head-epochs and --lr-head are for the new layer.',
  })
}

function taken(folder: string): BrickError {
  return new BrickError({
    kind: 'checkpoint',
    where: folder,
    wanted: 'a folder without a run',
    got: 'a run, which would be overwritten',
    remedy: 'Choose another folder with --out.',
  })
}

function planOf({ freeze, augment = false, workers, ...flags }: FinetuneFlags): FinetunePlan {
  const given = Object.entries(flags).filter(([name]) => Object.hasOwn(usual, name))
  return {
    ...usual,
    ...Object.fromEntries(given),
    isFrozen: freeze === 'features',
    augment,
    workers,
  }
}

function announce(
  { base, config, sets, network }: FinetuneTask,
  backend: string,
  output: Output,
): void {
  const { bold, dim } = output.colors
  const count = (n: number) => n.toLocaleString('en-US')
  const sizeOf = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.values(tensors).reduce((sum, { size }) => sum + size, 0)
  const { train, validation, test } = sets
  const [kept, fresh] = [sizeOf(network.featureParameters), sizeOf(network.headParameters)]
  output.print(`\n${bold(`${base} on ${basename(config.data)}`)}   ${dim(backend)}`)
  output.print(
    dim(
      `${count(train.length)} examples, ${count(validation.length)} to check, ${count(test.length)} to test\n` +
        `${count(kept)} parameters of features, ${count(fresh)} new\n`,
    ),
  )
}
