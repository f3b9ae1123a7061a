import * as brickwork from '../../src/index.ts'
import { nn, Tensor } from '../../src/index.ts'
import { functions, losses, nnFunctions, noFunctions } from './functions.ts'
import { layers, lossLayers, noLayers } from './layers.ts'
import { methods, noMethods } from './methods.ts'
import type { Sample, Samples } from './sample.ts'

/** A row of the table. */
export interface Subject {
  readonly name: string
  readonly sample: Sample
}

/** Rows under one heading, and what is exported beside them without a row, with reasons. */
export interface Group {
  readonly title: string
  readonly subjects: readonly Subject[]
}

type Exports = Readonly<Record<string, unknown>>

const isModule = (value: unknown): boolean =>
  typeof value === 'function' && value.prototype instanceof nn.Module
const named = (exports: Exports, keep: (name: string, value: unknown) => boolean): string[] =>
  Object.entries(exports)
    .filter(([name, value]) => typeof value === 'function' && keep(name, value))
    .map(([name]) => name)
    .sort()

const excused: Readonly<Record<string, string>> = { ...noLayers, ...noFunctions, ...noMethods }

/** The samples of all names; a name with neither sample nor reason is an error that says what to do. */
export function group(
  title: string,
  file: string,
  names: readonly string[],
  ...from: Samples[]
): Group {
  const samples = Object.assign({}, ...from) as Samples
  const lacking = names.filter((name) => !samples[name] && !Object.hasOwn(excused, name))
  if (lacking.length > 0) {
    const lines = `${title}: no sample for ${lacking.join(', ')}.`
    throw new Error(`${lines} Add one to test/support/${file}, or a reason why there is none.`)
  }
  const stale = Object.keys(samples).filter((name) => !names.includes(name))
  if (stale.length > 0) throw new Error(`${title}: samples of no export: ${stale.join(', ')}.`)
  const subjects = names.flatMap((name) => {
    const sample = Object.hasOwn(samples, name) ? samples[name] : undefined
    return sample ? [{ name, sample }] : []
  })
  return { title, subjects }
}

const ours: Exports = nn
const all: Exports = brickwork
const isLoss = (name: string): boolean => name.endsWith('Loss') && /^[A-Z]/.test(name)
const plainOf = (names: readonly string[], wanted: boolean): string[] =>
  names.filter((name) => Object.hasOwn(losses, name) === wanted)
const nnNames = named(ours, (name, value) => !isModule(value) && !isLayerMaker(name))
/** Functions of nn that change a layer; they stand with the layers. */
function isLayerMaker(name: string): boolean {
  return Object.hasOwn(layers, name)
}

/** All rows but the primitives', from what the package exports. */
export function groups(): Group[] {
  const makers = named(ours, (name, value) => isModule(value) || isLayerMaker(name))
  const tensorNames = Object.getOwnPropertyNames(Tensor.prototype).sort()
  return [
    group('Methods of Tensor', 'methods.ts', tensorNames, methods),
    group(
      'Functions',
      'functions.ts',
      named(all, () => true),
      functions,
    ),
    group('Functions of nn', 'functions.ts', plainOf(nnNames, false), nnFunctions),
    group(
      'Layers and containers',
      'layers.ts',
      makers.filter((name) => !isLoss(name)),
      layers,
    ),
    group('Losses: functions', 'functions.ts', plainOf(nnNames, true), losses),
    group('Losses: modules', 'layers.ts', makers.filter(isLoss), lossLayers),
  ]
}
