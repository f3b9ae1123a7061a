import { cp, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import type { Dataset } from '../data/dataset.ts'
import { makeFolder } from '../files/folders.ts'
import { crossEntropy } from '../nn/losses/cross-entropy.ts'
import { adam } from '../optim/adam.ts'
import { readCheckpoint, writeCheckpoint } from '../train/checkpoint.ts'
import type { TrainEvent } from '../train/events.ts'
import { fit as fitModel } from '../train/fit.ts'
import { accuracy } from '../train/metrics.ts'
import { showSeconds } from '../train/progress.ts'
import type { Run } from '../train/run.ts'
import type { Json } from '../train/run-state.ts'
import { servedArrays } from '../train/session-state.ts'
import { computeFeatures, type FeatureFile } from '../vision/feature-file.ts'
import { trunkOf } from '../vision/features.ts'
import { inputShapeOf } from '../vision/preprocessing.ts'
import type { Transfer } from '../vision/transfer.ts'
import type { DataSource } from './datasets.ts'
import type { Output } from './output.ts'
import type { RunConfig } from './saved-run.ts'
import type { Sets } from './sets.ts'
import { tell } from './tell.ts'
import { counterFor } from './terminal/counter.ts'

/** Whose features are used, what is learnt, how, and where it is kept. */
export interface FinetuneTask {
  /** The network that the features come from. */
  readonly base: string
  readonly source: DataSource
  readonly network: Transfer
  readonly sets: Sets
  /** The images to learn from as they are while all layers learn: changed at random, if that is asked for. */
  readonly changingTrain: Dataset
  readonly config: RunConfig
  readonly plan: FinetunePlan
  readonly folder: string
  readonly signal: AbortSignal
}

/** How long each phase takes, and at which rates it learns. */
export interface FinetunePlan {
  readonly headEpochs: number
  readonly epochs: number
  readonly batch: number
  readonly lrHead: number
  readonly lrFeatures: number
  readonly isFrozen: boolean
  readonly augment: boolean
  readonly workers: number | undefined
}

/**
 * Trains the new layer on frozen features, then, unless they stay frozen, the whole network.
 * Undefined if that was interrupted before there was anything to keep.
 */
export async function finetuned(task: FinetuneTask, output: Output): Promise<Run | undefined> {
  const run = await trainHead(task, output)
  if (run === undefined) return undefined
  if (!task.plan.isFrozen && run.stoppedBy !== 'aborted') return trainAll(task, output)
  await keepWhole(task)
  return run
}

async function trainAll(task: FinetuneTask, output: Output): Promise<Run> {
  const { network, sets, changingTrain, plan, config, source, folder, signal } = task
  const { featureParameters, headParameters, classifier } = network
  output.print('\nall layers\n')
  return fitModel(classifier.model, changingTrain, {
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
function fitting({ config, plan, base }: FinetuneTask, output: Output) {
  return {
    loss: crossEntropy,
    metrics: [accuracy],
    batchSize: plan.batch,
    seed: config.seed,
    earlyStopping: { patience: Number.MAX_SAFE_INTEGER },
    config: { ...config, base, ...plan } as unknown as Record<string, Json>,
    onEvent: (event: TrainEvent) => tell(event, output),
    progress: output.json ? 'none' : output.isTerminal ? 'bar' : 'lines',
  } as const
}

/** Trains the new layer on features that are computed once. Undefined if it was stopped before its first epoch's end. */
async function trainHead(task: FinetuneTask, output: Output): Promise<Run | undefined> {
  const { network, sets, plan, folder, signal } = task
  await makeFolder(folder)
  output.print(`new layer ${network.last.path}, on frozen features\n`)
  const files: FeatureFile[] = []
  try {
    files.push(await featuresOf(task, sets.train, 'train', output))
    files.push(await featuresOf(task, sets.validation, 'validation', output))
    const [features, validation] = files
    const run = await fitModel(network.head, features!, {
      validation: validation!,
      ...fitting(task, output),
      optimizer: adam({ lr: plan.lrHead }),
      epochs: plan.headEpochs,
      out: headFolder(folder),
      signal,
    })
    return run.history.length > 0 ? run : await nothing(folder)
  } catch (error) {
    if (error instanceof BrickError && error.kind === 'interrupted') return await nothing(folder)
    throw error
  } finally {
    for (const file of files) await file.close()
    for (const part of ['train', 'validation'])
      await rm(featuresPath(folder, part), { force: true })
  }
}

/** Takes away what an interrupted run began. */
async function nothing(folder: string): Promise<undefined> {
  await rm(headFolder(folder), { recursive: true, force: true })
  // Whatever else is in the folder stays.
  await rmdir(folder).catch(() => undefined)
}

const headFolder = (folder: string) => join(folder, 'head')
const featuresPath = (folder: string, part: string) => join(folder, `features-${part}.f32`)

async function featuresOf(
  { network, config, folder, signal }: FinetuneTask,
  dataset: Dataset,
  part: string,
  output: Output,
): Promise<FeatureFile> {
  const trunk = trunkOf(network.classifier.model, inputShapeOf(config.preprocessing))
  const counter = await counterFor(`features of ${part}`, output)
  const start = performance.now()
  const features = await computeFeatures(trunk, dataset, featuresPath(folder, part), {
    normalize: config.preprocessing.normalize,
    batchSize: 32,
    signal,
    onProgress: counter.update,
  }).finally(counter.end)
  const seconds = (performance.now() - start) / 1000
  const { length: examples } = dataset
  output.event({ event: 'features', part, examples, shape: features.shape, seconds })
  const each = features.shape.join(' × ')
  output.print(
    `  ${examples.toLocaleString('en-US')} × ${each} features of ${part} in ${showSeconds(seconds)}`,
  )
  return features
}

/**
 * Makes the folder a run of the whole network: the new layer as it was best, and features as they
 * were, with the curves and logs of the new layer.
 */
async function keepWhole({ network, config, folder }: FinetuneTask): Promise<void> {
  const head = headFolder(folder)
  const { state, arrays: learnt } = await readCheckpoint(head, 'best')
  network.head.loadStateDict(servedArrays(learnt))
  const arrays: [string, ArrayView][] = []
  for (const [name, tensor] of Object.entries(network.classifier.model.stateDict())) {
    const { dtype, shape } = tensor
    arrays.push([name, { dtype, shape, data: await tensor.data() } as ArrayView])
  }
  const kept = {
    ...state,
    config: { ...state.config, ...(config as object) } as typeof state.config,
  }
  await rm(join(head, 'best.safetensors'))
  await rm(join(head, 'last.safetensors'))
  await cp(head, folder, { recursive: true })
  await rm(head, { recursive: true })
  await writeCheckpoint(folder, 'best', arrays, kept)
  await writeCheckpoint(folder, 'last', arrays, kept)
}
