import { Module } from '../nn/module/module.ts'
import type { Optimizer } from '../optim/optimizer.ts'
import type { Json } from './run-state.ts'
import type { Session } from './session.ts'

/** What a run was made with, as far as JSON can say it: for `config.json` and for comparing runs. */
export type Setup = Readonly<Record<string, Json>>

/** What `fit` knows of a run, options that were left out included. */
export function setupOf({ model, settings, loader, optimizer, schedule }: Session): Setup {
  const { epochs, seed, accumulate, scheduleEvery, monitor, earlyStopping, ema, mix } = settings
  const { batchSize, shuffle, dataset } = loader
  return {
    model: model.constructor.name,
    parameters: model.parameters().reduce((sum, { size }) => sum + size, 0),
    data: dataset.name,
    examples: dataset.length ?? null,
    loss: nameOf(settings.loss),
    optimizer: optimizer.constructor.name,
    ...optionsOf(optimizer),
    schedule: schedule?.constructor.name ?? null,
    scheduleEvery,
    epochs,
    batchSize,
    shuffle,
    seed,
    accumulate,
    clipGradNorm: settings.clipGradNorm ?? null,
    clipGradValue: settings.clipGradValue ?? null,
    ema: ema ? plain(ema) : null,
    mix: mix?.name ?? null,
    augment: settings.augment !== undefined,
    monitor,
    earlyStopping: earlyStopping ? plain(earlyStopping) : null,
  }
}

/** Options of the first group: its rate, betas, momentum, … */
function optionsOf(optimizer: Optimizer): Setup {
  return plain(optimizer.groups[0]!.options)
}

function nameOf(loss: unknown): string {
  if (loss instanceof Module) return loss.constructor.name
  return (typeof loss === 'function' && loss.name) || 'a function'
}

/** Numbers, texts and lists of an object; functions and tensors have no place in JSON. */
function plain(options: object): Setup {
  const isPlain = (value: unknown): value is Json =>
    value === null || Array.isArray(value) || ['number', 'string', 'boolean'].includes(typeof value)
  return Object.fromEntries(Object.entries(options).filter(([, value]) => isPlain(value)))
}
