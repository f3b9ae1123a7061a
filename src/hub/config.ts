import { BrickError } from '../base/errors.ts'
import type { Shape } from '../base/shape.ts'

/** What images must go through before a network sees them. */
export interface Preprocessing {
  /** [channels, height, width]. */
  readonly inputShape: Shape
  /** Of pixels from 0 to 1, by channel. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
  readonly interpolation: string
  /** The share of the resized image's side that the middle crop keeps. */
  readonly crop: number
}

/** What a config.json says of a model. */
export interface ModelConfig {
  readonly architecture: string
  readonly classes: number
  readonly preprocessing: Preprocessing
  readonly classNames: readonly string[] | undefined
}

/** ImageNet's, which timm leaves out where they are meant. */
const usual = {
  inputShape: [3, 224, 224],
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const

/** More pixels on a side than any image has. */
const MOST = 2 ** 16

/**
 * Reads timm's config.json: `architecture`, `num_classes`, and in `pretrained_cfg` (or beside them,
 * in older ones) how images are to be prepared.
 *
 * @throws BrickError `file` that says what is missing or of another kind.
 * @example
 * ```ts
 * const { classes } = parseConfig('{"architecture": "resnet18", "num_classes": 10}', 'config.json')
 * classes // 10
 * ```
 */
export function parseConfig(text: string, where: string): ModelConfig {
  const config = recordOf(text, where)
  const inner = config['pretrained_cfg']
  const all: Record<string, unknown> = { ...config, ...(isRecord(inner) ? inner : {}) }
  // The model's own number of classes; pretrained_cfg may speak of what it was made from.
  const classes = config['num_classes'] ?? all['num_classes'] ?? 1000
  const { architecture } = config
  if (typeof architecture !== 'string') throw noArchitecture(config, where)
  if (!isCount(classes)) throw wrong(where, 'num_classes of 1 and more', classes)
  const inputShape = listOf(all, 'input_size', where) ?? usual.inputShape
  if (inputShape.length !== 3 || !inputShape.every((extent) => isCount(extent) && extent < MOST)) {
    throw wrong(where, `input_size of [channels, height, width] below ${MOST}`, inputShape)
  }
  const { interpolation = 'bilinear', crop_pct: crop = 0.875 } = all
  if (typeof interpolation !== 'string') throw wrong(where, 'interpolation by name', interpolation)
  if (typeof crop !== 'number' || !(crop > 0)) throw wrong(where, 'a crop_pct above 0', crop)
  return {
    architecture,
    classes,
    preprocessing: {
      inputShape,
      mean: ofChannels(listOf(all, 'mean', where) ?? usual.mean, inputShape, where),
      std: ofChannels(listOf(all, 'std', where) ?? usual.std, inputShape, where),
      interpolation,
      crop,
    },
    classNames: namesOf(all, classes, where),
  }
}

function recordOf(text: string, where: string): Record<string, unknown> {
  let config: unknown
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw wrong(where, 'JSON', (error as Error).message)
  }
  if (isRecord(config)) return config
  throw wrong(where, 'an object', config)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0

function listOf(
  config: Readonly<Record<string, unknown>>,
  name: string,
  where: string,
): readonly number[] | undefined {
  const list = config[name]
  if (list === undefined || list === null) return undefined
  if (Array.isArray(list) && list.every((item) => Number.isFinite(item))) return list
  throw wrong(where, `${name} of numbers`, list)
}

/** A number for each channel, of one or of as many. */
function ofChannels(list: readonly number[], [channels]: Shape, where: string): readonly number[] {
  if (list.length === channels) return list
  const [first] = list
  if (first !== undefined && (list.length === 1 || channels === 1)) {
    return Array.from({ length: channels! }, () => first)
  }
  throw wrong(where, `a mean and std of ${channels} channels`, list)
}

/** `label_names` of timm, `id2label` of others. */
function namesOf(
  config: Readonly<Record<string, unknown>>,
  classes: number,
  where: string,
): readonly string[] | undefined {
  const { label_names: list, label_descriptions: texts, id2label } = config
  const isNumbered = isRecord(id2label) && Object.keys(id2label).length === classes
  const byNumber = isNumbered ? Array.from({ length: classes }, (_, i) => id2label[i]) : undefined
  const names = Array.isArray(list) ? list : byNumber
  if (names === undefined) return undefined
  if (names.length !== classes || !names.every((name) => typeof name === 'string')) {
    throw wrong(where, `${classes} names of classes`, `${names.length}`)
  }
  const described = isRecord(texts) ? texts : {}
  return names.map((name) => (typeof described[name] === 'string' ? described[name] : name))
}

function noArchitecture(config: Readonly<Record<string, unknown>>, where: string): BrickError {
  const { model_type: type } = config
  return new BrickError({
    kind: 'file',
    where,
    wanted: "an 'architecture', as timm writes it",
    got: typeof type === 'string' ? `a model of transformers, '${type}'` : 'none',
    remedy: 'Build the network yourself and load the weights with weights.load.',
  })
}

function wrong(where: string, wanted: string, got: unknown): BrickError {
  const shown = typeof got === 'string' ? got : (JSON.stringify(got) ?? 'nothing')
  return new BrickError({ kind: 'file', where, wanted, got: shown.slice(0, 200) })
}
