import { BrickError } from '../base/errors.ts'
import { checkDataset } from '../data/check.ts'
import type { AnyDataset } from '../data/dataloader.ts'
import { type Example, isGatherer } from '../data/dataset.ts'
import { Module } from '../nn/module/module.ts'
import { generator } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { EventListener } from './events.ts'
import type { StopReason } from './history.ts'
import type { Keeper } from './keeper.ts'
import { type FitOptions, type Settings, settingsOf } from './options.ts'
import { reporterFor } from './progress.ts'
import type { Run } from './run.ts'
import { Session } from './session.ts'

/**
 * Trains a model: each step (forward, loss, backward, update, metrics) runs as one compiled
 * program, each epoch ends with the validation set and, with `out`, a checkpoint. The same seed
 * gives the same weights bit by bit, at any number of threads and also after `resume`. In the end
 * the model is in evaluation mode.
 *
 * A model may return several tensors, in a list or by name: loss and metrics see them as they are.
 *
 * @param trainSet Inputs and targets as the model and the loss take them: any dataset of examples.
 * @throws BrickError `argument` for an impossible option or a label that the model has no output for, `numeric` if the loss is no finite
 * number, `checkpoint` if `resume` finds another run, `file` if a checkpoint can't be written (the
 * old one survives).
 * @example
 * ```ts
 * const run = await train.fit(model, trainSet, {
 *   validation: test, loss: nn.crossEntropy, optimizer: optim.adam({ lr: 1e-3 }),
 *   epochs: 3, batchSize: 64, metrics: [metrics.accuracy],
 * })
 * run.history.at(-1)?.validation?.metrics.accuracy // 0.99
 * ```
 */
export async function fit<Out = Tensor>(
  model: Module<[x: Tensor], Out>,
  trainSet: AnyDataset<Example>,
  options: FitOptions<Out>,
): Promise<Run> {
  // What the model returns goes to loss and metrics as it is: only these know its type.
  return fitAny(model as unknown as Module, trainSet, options as unknown as FitOptions)
}

async function fitAny(
  model: Module,
  trainSet: AnyDataset<Example>,
  options: FitOptions,
): Promise<Run> {
  const settings = settingsOf(options)
  checkModel(model)
  checkDataset(trainSet, 'train.fit: trainSet')
  if (settings.validation) checkDataset(settings.validation, 'train.fit: validation')
  const listeners = [await reporterFor(settings.progress), settings.onEvent]
  const tell: EventListener = async (event) => {
    for (const listener of listeners) await listener?.(event)
  }
  try {
    const run = await runOf(model, trainSet, settings, tell)
    await tell({ type: 'end', run })
    return run
  } catch (error) {
    await tell({ type: 'error', error })
    throw error
  } finally {
    model.eval()
  }
}

function checkModel(model: unknown): void {
  if (model instanceof Module && typeof model.forward === 'function') return
  throw new BrickError({
    kind: 'argument',
    where: 'train.fit: model',
    wanted: 'a Module with a method forward',
    got: model instanceof Module ? `${model.constructor.name} without one` : typeof model,
    remedy: 'Extend nn.Module and write forward(x), or use nn.Sequential.',
  })
}

async function runOf(
  model: Module,
  trainSet: AnyDataset<Example>,
  settings: Settings,
  tell: EventListener,
): Promise<Run> {
  if (settings.seed !== undefined) generator.seed(settings.seed)
  const session = new Session(model, trainSet, settings)
  const keeper = await keeperOf(session, settings)
  const tellAll: EventListener = (event) => {
    keeper?.hear(event)
    return tell(event)
  }
  await tell({
    type: 'start',
    epochs: settings.epochs,
    done: session.epoch,
    steps: session.loader.length || 0,
    metrics: settings.metrics,
    hasValidation: settings.validation !== undefined,
    hasSchedule: session.schedule !== undefined,
    isStreamed: !isGatherer(trainSet),
    folder: settings.out,
  })
  const stoppedBy = await trainEpochs(session, keeper, settings, tellAll).finally(() =>
    session.loader.close(),
  )
  await keeper?.end()
  const { best, history } = session
  const wantsBest = settings.earlyStopping && settings.earlyStopping.restoreBest !== false
  const isElsewhere = best !== undefined && best.epoch !== history.length
  const restoredBest =
    wantsBest && isElsewhere && stoppedBy !== 'aborted'
      ? await session.restoreBest(async () => keeper?.bestArrays())
      : false
  if (!restoredBest) session.ema?.swap()
  return {
    history,
    best: best && { epoch: best.epoch, value: best.value },
    restoredBest,
    stoppedBy,
    seconds: history.reduce((sum, { seconds }) => sum + seconds, session.seconds),
    folder: settings.out,
  }
}

/** Only runs with a folder need files, and so Node. */
async function keeperOf(session: Session, settings: Settings): Promise<Keeper | undefined> {
  if (settings.out === undefined) return undefined
  const { openKeeper } = await import('./keeper.ts')
  return openKeeper(session, settings.out)
}

async function trainEpochs(
  session: Session,
  keeper: Keeper | undefined,
  settings: Settings,
  tell: EventListener,
): Promise<StopReason> {
  const { epochs, signal, earlyStopping } = settings
  const isStuck = () =>
    earlyStopping !== undefined && (session.best?.waited ?? 0) >= earlyStopping.patience
  while (session.epoch < epochs && !isStuck()) {
    const isComplete = await session.trainEpoch(tell)
    if (!isComplete) {
      await keeper?.save(await session.snapshot(), false, tell)
      return 'aborted'
    }
    const { record, isBest } = await session.closeEpoch()
    if (keeper || (isBest && earlyStopping)) {
      const arrays = await session.snapshot()
      if (isBest && earlyStopping) session.keepBest(arrays)
      await keeper?.save(arrays, isBest, tell)
    }
    await tell({ type: 'epoch', epochs, record, isBest })
    if (signal?.aborted && session.epoch < epochs) return 'aborted'
  }
  return session.epoch < epochs ? 'early-stopping' : 'epochs'
}
