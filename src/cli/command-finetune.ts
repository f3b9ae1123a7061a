import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import type { Dataset } from '../data/dataset.ts'
import { makeFolder } from '../files/folders.ts'
import { crossEntropy } from '../nn/losses/cross-entropy.ts'
import { adam } from '../optim/adam.ts'
import { manualSeed } from '../tensor/random.ts'
import { readCheckpoint, writeCheckpoint } from '../train/checkpoint.ts'
import { fit as fitModel } from '../train/fit.ts'
import { accuracy } from '../train/metrics.ts'
import { showSeconds } from '../train/progress.ts'
import type { Run } from '../train/run.ts'
import type { Json } from '../train/run-state.ts'
import { computeFeatures } from '../vision/feature-file.ts'
import { trunkOf } from '../vision/features.ts'
import { inputShapeOf, resized } from '../vision/preprocessing.ts'
import { type Transfer, transfer } from '../vision/transfer.ts'
import { onBackend } from './backend.ts'
import { classNamesOf, type DataSource, dataSource } from './datasets.ts'
import type { FinetuneFlags } from './flags.ts'
import { onInterrupt } from './interrupt.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'
import { reportRun } from './report.ts'
import { freshRunFolder } from './run-folder.ts'
import { methodsOf, type RunConfig } from './saved-run.ts'
import { heldOut, type Sets } from './sets.ts'

const SEED = 1
const INTERRUPTED = 130
/** Examples that are kept back to choose by, unless the user says how many: a tenth. */
const HELD_OUT = 0.1

/** What is usual: the new layer first, then all of them, ten times as carefully. */
const usual = { headEpochs: 15, epochs: 5, batch: 32, lrHead: 1e-3, lrFeatures: 1e-4 }

interface Task {
  readonly base: string
  readonly source: DataSource
  readonly network: Transfer
  readonly sets: Sets
  readonly config: RunConfig
  readonly plan: Plan
  readonly folder: string
  readonly signal: AbortSignal
}

type Plan = typeof usual & {
  readonly isFrozen: boolean
  readonly augment: boolean
  readonly workers: number | undefined
}

/** Teaches a network with pretrained features other classes, and keeps it in a run folder. */
export async function finetuneCommand(flags: FinetuneFlags, output: Output): Promise<number> {
  const interrupt = onInterrupt(() =>
    output.error('\nStopping after this step. Ctrl-C again ends at once.'),
  )
  try {
    return await onBackend(flags, async (backend) => {
      const task = await prepare(flags, interrupt.signal)
      announce(task, backend.name, output)
      const run = await runOf(task, output)
      if (run === undefined || run.stoppedBy === 'aborted') return INTERRUPTED
      await reportRun(
        { run, folder: task.folder, config: task.config, test: task.sets.test },
        output,
      )
      return 0
    })
  } finally {
    interrupt.release()
  }
}

async function prepare(flags: FinetuneFlags, signal: AbortSignal): Promise<Task> {
  const source = dataSource(flags.data)
  const base = await openNetwork(flags.model, flags)
  const own = source.suited(base.preprocessing)
  const preprocessing = flags.size === undefined ? own : resized(own, flags.size)
  const whole = await source.load(preprocessing)
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
  return { base: base.name, source, network, sets, config, plan, folder, signal }
}

function planOf({ freeze, augment = false, workers, ...flags }: FinetuneFlags): Plan {
  const given = Object.entries(flags).filter(([name]) => Object.hasOwn(usual, name))
  return {
    ...usual,
    ...Object.fromEntries(given),
    isFrozen: freeze === 'features',
    augment,
    workers,
  }
}

/** The new layer on frozen features, then, unless they stay frozen, the whole network. */
async function runOf(task: Task, output: Output): Promise<Run | undefined> {
  const headRun = await trainHead(task, output)
  if (headRun === undefined || headRun.stoppedBy === 'aborted') return undefined
  if (task.plan.isFrozen) {
    await keepWhole(task)
    return headRun
  }
  const { network, sets, plan, config, source, folder, signal } = task
  const { featureParameters, headParameters, classifier } = network
  output.print('\nall layers\n')
  return fitModel(classifier.model, sets.train, {
    validation: sets.validation,
    ...fitting(task, output),
    optimizer: () =>
      adam({ lr: plan.lrFeatures })([
        { params: featureParameters },
        { params: headParameters, lr: plan.lrHead / 10 },
      ]),
    epochs: plan.epochs,
    normalize: config.preprocessing.normalize,
    ...(plan.augment ? { augment: source.augment() } : {}),
    out: folder,
    signal,
    ...(plan.workers === undefined ? {} : { loading: { workers: plan.workers } }),
  })
}

/** What both phases have in common. */
function fitting({ config, plan, base }: Task, output: Output) {
  return {
    loss: crossEntropy,
    metrics: [accuracy],
    batchSize: plan.batch,
    seed: config.seed,
    earlyStopping: { patience: Number.MAX_SAFE_INTEGER },
    config: { ...config, base, ...plan } as unknown as Record<string, Json>,
    progress: output.json ? 'none' : output.isTerminal ? 'bar' : 'lines',
  } as const
}

/** Trains the new layer on features that are computed once. Undefined if that was interrupted. */
async function trainHead(task: Task, output: Output): Promise<Run | undefined> {
  const { network, sets, plan, folder, signal } = task
  const { head } = network
  const compute = (dataset: Dataset, name: string) => featuresOf(task, dataset, name, output)
  await makeFolder(folder)
  output.print(`new layer ${network.last.path}, on frozen features\n`)
  const features = await compute(sets.train, 'train')
  const validation = await compute(sets.validation, 'validation')
  try {
    return await fitModel(head, features, {
      validation,
      ...fitting(task, output),
      optimizer: adam({ lr: plan.lrHead }),
      epochs: plan.headEpochs,
      out: join(folder, 'head'),
      signal,
    })
  } finally {
    for (const [name, file] of Object.entries({ train: features, validation })) {
      await file.close()
      await rm(featuresPath(folder, name), { force: true })
    }
  }
}

const featuresPath = (folder: string, name: string) => join(folder, `features-${name}.f32`)

async function featuresOf(
  { network, config, folder, signal }: Task,
  dataset: Dataset,
  name: string,
  output: Output,
) {
  const { classifier } = network
  const trunk = trunkOf(classifier.model, inputShapeOf(config.preprocessing))
  const start = performance.now()
  const features = await computeFeatures(trunk, dataset, featuresPath(folder, name), {
    normalize: config.preprocessing.normalize,
    batchSize: 32,
    signal,
  })
  const seconds = (performance.now() - start) / 1000
  const each = features.shape.join(' × ')
  output.event({
    event: 'features',
    part: name,
    examples: dataset.length,
    shape: features.shape,
    seconds,
  })
  output.print(`  ${dataset.length} × ${each} features of ${name} in ${showSeconds(seconds)}`)
  return features
}

/** Writes the whole network with its new layer as the run's checkpoints: features are as they were. */
async function keepWhole({ network, config, folder }: Task): Promise<void> {
  const { state } = await readCheckpoint(join(folder, 'head'), 'best')
  const arrays: [string, ArrayView][] = []
  for (const [name, tensor] of Object.entries(network.classifier.model.stateDict())) {
    const { dtype, shape } = tensor
    arrays.push([name, { dtype, shape, data: await tensor.data() } as ArrayView])
  }
  const kept = {
    ...state,
    config: { ...state.config, ...(config as unknown as typeof state.config) },
  }
  await writeCheckpoint(folder, 'best', arrays, kept)
  await writeCheckpoint(folder, 'last', arrays, kept)
}

function announce({ base, config, sets, network }: Task, backend: string, output: Output): void {
  const { colors } = output
  const count = (tensors: object) =>
    Object.values(tensors).reduce((sum: number, { size }: { size: number }) => sum + size, 0)
  const [kept, fresh] = [count(network.featureParameters), count(network.headParameters)]
  const facts = [
    `${sets.train.length} examples, ${sets.validation.length} to check, ${sets.test.length} to test`,
    `${kept.toLocaleString('en-US')} parameters of features, ${fresh.toLocaleString('en-US')} new`,
    backend,
  ]
  output.print(`\n${colors.bold(`${base} on ${config.data}`)}   ${colors.dim(facts.join(' · '))}\n`)
}
