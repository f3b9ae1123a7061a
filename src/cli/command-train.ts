import { basename } from 'node:path'
import { BrickError } from '../base/errors.ts'
import { createModel } from '../models/models.ts'
import { crossEntropy } from '../nn/losses/cross-entropy.ts'
import type { Module } from '../nn/module/module.ts'
import type { Backend } from '../tensor/backend.ts'
import { manualSeed } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { readCheckpoint } from '../train/checkpoint.ts'
import { fit as fitModel } from '../train/fit.ts'
import { accuracy } from '../train/metrics.ts'
import { mixup as mixupOf } from '../train/mixing.ts'
import type { Json } from '../train/run-state.ts'
import { inputShapeOf } from '../vision/preprocessing.ts'
import { onBackend } from './backend.ts'
import { commandPrefix } from './command-prefix.ts'
import { CorruptImages } from './corrupt-images.ts'
import { classNamesOf, type DataSource, dataSource } from './datasets.ts'
import type { TrainFlags } from './flags.ts'
import { onInterrupt } from './interrupt.ts'
import { optimizerFor, usualRate } from './optimizers.ts'
import type { Output } from './output.ts'
import { reportRun } from './report.ts'
import { freshRunFolder } from './run-folder.ts'
import { configOf, methodsOf, type RunConfig } from './saved-run.ts'
import { scheduleFor } from './schedules.ts'
import { heldOut, type Sets } from './sets.ts'
import { tell } from './tell.ts'

const SEED = 1
/** The exit code after Ctrl-C, as shells have it. */
const INTERRUPTED = 130

/** Trains a network, shows how it went, and keeps it in a run folder. */
export async function trainCommand(flags: TrainFlags, output: Output): Promise<number> {
  return onBackend(flags, async (backend) => {
    const saved = flags.resume === undefined ? undefined : await configIn(flags.resume, flags)
    const source = dataSource(flags.data ?? saved?.data ?? 'digits')
    const preprocessing = saved?.preprocessing ?? (await source.preprocessing(flags.size))
    const corrupt = new CorruptImages(saved?.skipCorrupt ?? flags.skipCorrupt ?? false)
    const whole = await source.load(preprocessing, {
      augments: saved?.augment ?? flags.augment ?? false,
      ...corrupt.options,
    })
    corrupt.tell(output)
    const seed = saved?.seed ?? flags.seed ?? SEED
    const sets = heldOut(whole, saved ? saved.holdOut : (flags.holdOut ?? null), seed)
    const classNames = classNamesOf(whole.train)
    const config = saved
      ? { ...saved, ...changes(flags) }
      : configFor(flags, source, { preprocessing, classNames })
    manualSeed(config.seed)
    const model = createModel(config.model, {
      inputShape: inputShapeOf(config.preprocessing),
      classes: classNames.length,
    })
    // Refuses what does not go together before a folder is made.
    const methods = methodOptions(config, sets.train.length)
    const folder = flags.resume ?? flags.out ?? (await freshRunFolder(config.model, config.data))
    announce(config, model, sets, backend, output)
    return train({ config, methods, model, sets, folder, flags }, output)
  })
}

interface Task {
  readonly config: RunConfig
  readonly methods: ReturnType<typeof methodOptions>
  readonly model: Module
  readonly sets: Sets
  readonly folder: string
  readonly flags: TrainFlags
}

async function train(
  { config, methods, model, sets, folder, flags }: Task,
  output: Output,
): Promise<number> {
  const { epochs, batch, seed, patience, preprocessing } = config
  const interrupt = onInterrupt(() =>
    output.error('\nStopping after this step. Ctrl-C again ends at once.'),
  )
  const run = await fitModel(model, sets.train, {
    validation: sets.validation,
    ...methods,
    metrics: [accuracy],
    epochs,
    batchSize: batch,
    seed,
    normalize: preprocessing.normalize,
    ...(patience === null ? {} : { earlyStopping: { patience } }),
    out: folder,
    resume: flags.resume !== undefined,
    ...(flags.workers === undefined ? {} : { loading: { workers: flags.workers } }),
    config: { ...config } as unknown as Record<string, Json>,
    debugNan: flags.debugNan ?? false,
    progress: output.json ? 'none' : output.isTerminal ? 'bar' : 'lines',
    signal: interrupt.signal,
    onEvent: (event) => tell(event, output),
  }).finally(interrupt.release)
  if (run.stoppedBy === 'aborted') {
    output.event({ event: 'interrupted', folder })
    output.print(`\nStopped. To go on exactly here:\n  ${commandPrefix()} train --resume ${folder}`)
    return INTERRUPTED
  }
  await reportRun({ run, folder, config, test: sets.test }, output)
  return 0
}

/** Loss, optimiser and what else the config says of how to learn. */
function methodOptions(config: RunConfig, examples: number) {
  const { optimizer, lr, weightDecay, labelSmoothing, mixup, ema, clipNorm, batch } = config
  const accumulate = config.accumulate ?? 1
  const updates = Math.ceil(Math.ceil(examples / batch) / accumulate)
  const spec = {
    name: config.schedule ?? 'constant',
    lr,
    steps: config.epochs * updates,
    warmup: (config.warmup ?? 0) * updates,
  }
  return {
    loss: labelSmoothing
      ? (output: Tensor, target: Tensor) => crossEntropy(output, target, { labelSmoothing })
      : crossEntropy,
    validationLoss: crossEntropy,
    optimizer: optimizerFor(optimizer, lr, weightDecay),
    accumulate,
    ...scheduleFor(spec),
    ...(config.augment ? { augment: dataSource(config.data).augment() } : {}),
    ...(clipNorm === null ? {} : { clipGradNorm: clipNorm }),
    ...(ema === null ? {} : { ema: { decay: ema } }),
    ...(mixup === null
      ? {}
      : { mix: mixupOf({ alpha: mixup, classes: config.classNames.length }) }),
  }
}

async function configIn(folder: string, flags: TrainFlags): Promise<RunConfig> {
  const checkpoint = await readCheckpoint(folder, 'last')
  const config = configOf(checkpoint)
  if (checkpoint.state.config['base'] !== undefined) throw fineTuned(folder)
  const { model, data, seed, batch } = flags
  const given = { model, data, seed, batch, ...methodsOf(flags) }
  for (const [name, value] of Object.entries(given)) {
    const then = config[name as keyof typeof given]
    if (value === undefined || value === null || value === then) continue
    throw new BrickError({
      kind: 'checkpoint',
      where: folder,
      wanted:
        then === null
          ? `no ${name}, as the run was started`
          : `${name} ${then}, as the run was started with`,
      got: `${value}`,
      remedy: `Leave it out, or begin a new run without --resume.`,
    })
  }
  return config
}

function fineTuned(folder: string): BrickError {
  return new BrickError({
    kind: 'checkpoint',
    where: folder,
    wanted: 'a run of train',
    got: 'one of finetune, whose layers learn at rates of their own',
    remedy: `Teach its network further by: finetune --model ${folder} --data …`,
  })
}

/** What a resumed run may do differently. */
function changes({ epochs, lr, optimizer, patience }: TrainFlags): Partial<RunConfig> {
  return Object.fromEntries(
    Object.entries({ epochs, lr, optimizer, patience }).filter(([, value]) => value !== undefined),
  )
}

function configFor(
  flags: TrainFlags,
  { name, defaults }: DataSource,
  network: Pick<RunConfig, 'preprocessing' | 'classNames'>,
): RunConfig {
  const { model, optimizer = 'adam', seed = SEED, patience = null } = flags
  return {
    model: model!,
    data: name,
    ...network,
    optimizer,
    lr: flags.lr ?? usualRate(optimizer, defaults.lr),
    epochs: flags.epochs ?? defaults.epochs,
    batch: flags.batch ?? defaults.batch,
    seed,
    patience,
    ...methodsOf(flags),
  }
}

function announce(
  config: RunConfig,
  model: Module,
  { train, validation }: Sets,
  backend: Backend,
  output: Output,
): void {
  const { colors } = output
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0)
  const facts = [
    `${count(train.length)} examples, ${count(validation.length)} to check`,
    `${count(parameters)} parameters`,
    backend.name,
  ]
  output.print(
    `\n${colors.bold(`${config.model} on ${basename(config.data)}`)}   ${colors.dim(facts.join(' · '))}\n`,
  )
}

const count = (n: number): string => n.toLocaleString('en-US')
