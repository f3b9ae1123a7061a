import { existsSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'
import { readAll, type TensorFile } from '../files/open-tensors.ts'
import { readMetadata } from '../files/tensor-file.ts'
import { createModel } from '../models/models.ts'
import { skip } from '../nn/init/drawn.ts'
import type { Module } from '../nn/module/module.ts'
import { openWeights } from '../weights/formats.ts'
import { Classifier } from './classifier.ts'
import { classNamesFor, factsIn, type NetworkFacts, preprocessingFor } from './facts.ts'
import { lastLayer } from './features.ts'
import { imagenetPreprocessing, inputShapeOf } from './preprocessing.ts'

/**
 * A network of the zoo with weights from a file of any format. What the file says of itself (one
 * that `brickwork export` wrote) need not be said.
 *
 * @throws BrickError `checkpoint` for weights of another network, `argument` for a file that does not
 * say whose weights it holds.
 */
export async function fromWeights(
  architecture: string | undefined,
  path: string,
  options: NetworkFacts = {},
): Promise<Classifier> {
  const said = factsIn(await metadataOf(path))
  const kind = architecture ?? said.architecture
  if (kind === undefined) {
    throw new BrickError({
      kind: 'argument',
      where: path,
      wanted: "the name of the weights' network",
      got: 'a file that does not say it',
      remedy:
        'Name the network, and pass the file as its weights: --model resnet18 --weights FILE.',
    })
  }
  const usual = said.preprocessing ?? imagenetPreprocessing()
  const preprocessing = await preprocessingFor(options, usual)
  const { tensors: states } = await readAll(await openWeights(path))
  const inputShape = inputShapeOf(preprocessing)
  const most = 2 * elementsOf(states) + SLACK
  const build = (classes: number): Module =>
    skip(() => createModel(kind, { inputShape, classes }), most)
  const last = `${lastLayer(build(2), inputShape).path}.weight`
  const classes = states.get(last)?.shape[0] ?? 1000
  const model = build(classes)
  model.loadStateDict(extname(path) === '.onnx' ? statesAmong(states, model) : states)
  return new Classifier({
    name: kind,
    architecture: kind,
    model,
    ...(await classNamesFor(classes, options.classNames ?? said.classNames)),
    preprocessing,
  })
}

/** Elements that a network may have beyond its file, so that an error can list what they are. */
const SLACK = 2 ** 24

const elementsOf = (states: ReadonlyMap<string, ArrayView>): number =>
  [...states.values()].reduce((sum, { data }) => sum + data.length, 0)

/** What of an ONNX file's initialisers are states: shapes and other constants stand among them. */
function statesAmong(
  initializers: ReadonlyMap<string, ArrayView>,
  model: Module,
): Map<string, ArrayView> {
  const own = model.stateDict()
  return new Map([...initializers].filter(([name]) => Object.hasOwn(own, name)))
}

/** Whether a file says whose weights it holds. */
export async function isSelfDescribing(path: string): Promise<boolean> {
  if (!existsSync(path) || !statSync(path).isFile()) return false
  return factsIn(await metadataOf(path)).architecture !== undefined
}

/** What stands beside the arrays of a safetensors file; of other files, nothing. */
const metadataOf = (path: string): Promise<TensorFile['metadata']> =>
  readMetadata(path).catch(() => ({}))
