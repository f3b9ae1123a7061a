import { BrickError } from '../../base/errors.ts'
import { sizeOf } from '../../base/shape.ts'
import { damaged } from './damaged.ts'
import { bytesIn } from './storages.ts'
import { type PickleValue, type Storage, TorchTensor, Tuple } from './values.ts'

/** What a checkpoint holds. */
export interface Contents {
  readonly tensors: ReadonlyMap<string, TorchTensor>
  /** Its texts and numbers beside the tensors, such as the epoch. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Where training programs keep a model's weights, in this order. */
const WRAPPERS = ['state_dict', 'model_state_dict', 'model'] as const

/** What memory may be taken beyond the file's: expanded views have more elements than their storage. */
const MOST_EXPANDED = 2 ** 24
const MOST_DEPTH = 32
/** A long name that stands before many would be copied for each. */
const MOST_LETTERS = 1024
const MOST_VALUES = 5_000_000

/**
 * The tensors of a checkpoint by their dotted names. If no value of the dictionary is a tensor itself
 * but 'state_dict', 'model_state_dict' or 'model' (the first of them) has tensors, it stands for the
 * checkpoint; the rest, an optimiser's state and so on, is left out.
 *
 * @param key The part of the checkpoint to take instead, dotted: `ema.shadow`.
 * @throws BrickError `file` if there are no tensors or they are nested without end, `unknown` for a
 * part that is not there.
 */
export function contentsOf(root: PickleValue, path: string, key?: string): Contents {
  const part = key === undefined ? unwrapped(root, path) : partOf(root, path, key)
  const tensors = new Map<string, TorchTensor>()
  for (const [name, tensor] of tensorsIn(part, path)) {
    if (tensors.has(name)) throw damaged(path, 'names that differ', `${name} twice`)
    tensors.set(name, tensor)
  }
  if (tensors.size === 0) {
    throw new BrickError({
      kind: 'file',
      where: path,
      wanted: 'a checkpoint with tensors',
      got: describe(part),
    })
  }
  checkMemory(tensors.values(), path)
  return { tensors, metadata: textsOf(root) }
}

function unwrapped(root: PickleValue, path: string): PickleValue {
  if (!(root instanceof Map) || [...root.values()].some((v) => v instanceof TorchTensor))
    return root
  for (const name of WRAPPERS) {
    const inner = root.get(name)
    if (inner instanceof Map && !tensorsIn(inner, path).next().done) return unwrapped(inner, path)
  }
  return root
}

function partOf(root: PickleValue, path: string, key: string): PickleValue {
  let part = root
  for (const name of key.split('.')) {
    const inner = new Map(entriesOf(part)).get(name)
    if (inner === undefined) {
      throw new BrickError({
        kind: 'unknown',
        where: path,
        wanted: `a part of ${describe(part)}`,
        got: `'${key}'`,
      })
    }
    part = inner
  }
  return part
}

/** The values inside one, by name. */
function entriesOf(value: PickleValue): [name: string, value: PickleValue][] {
  if (value instanceof Map) return [...value].map(([key, inner]) => [nameOf(key), inner])
  const items = value instanceof Tuple ? value.items : Array.isArray(value) ? value : []
  return items.map((inner, i) => [String(i), inner])
}

const nameOf = (key: PickleValue): string =>
  typeof key === 'object' && key !== null ? 'object' : String(key)

/** All tensors inside a value, in order. Values that are named again and again count each time. */
function* tensorsIn(root: PickleValue, path: string): Generator<[name: string, TorchTensor]> {
  if (root instanceof TorchTensor) yield ['tensor', root]
  const open = [entriesOf(root).values()]
  const names: string[] = []
  for (let count = 0; open.length > 0; count++) {
    const next = open.at(-1)!.next()
    if (next.done) {
      open.pop()
      names.pop()
      continue
    }
    const [name, value] = next.value
    if (name.length > MOST_LETTERS) {
      throw damaged(path, `names of up to ${MOST_LETTERS} letters`, `${name.length}`)
    }
    if (value instanceof TorchTensor) yield [[...names, name].join('.'), value]
    const inner = entriesOf(value)
    if (inner.length === 0) continue
    if (open.length === MOST_DEPTH || count > MOST_VALUES) {
      throw damaged(path, `values nested up to ${MOST_DEPTH} deep`, [...names, name].join('.'))
    }
    open.push(inner.values())
    names.push(name)
  }
}

/** What all tensors take together must be bounded by what the file holds. */
function checkMemory(tensors: Iterable<TorchTensor>, path: string): void {
  const storages = new Map<string, Storage>()
  const views = new Map<string, number>()
  for (const tensor of tensors) {
    storages.set(tensor.storage.key, tensor.storage)
    views.set(viewOf(tensor), sizeOf(tensor.shape))
  }
  const held = [...storages.values()].reduce((sum, storage) => sum + bytesIn(storage), 0)
  const taken = [...views.values()].reduce((sum, size) => sum + size, 0)
  const most = 4 * held + MOST_EXPANDED
  if (taken > most) throw damaged(path, `at most ${most} elements in ${held} bytes`, `${taken}`)
}

/** What makes two tensors the same view of the same elements. */
export function viewOf({ storage, dtype, offset, shape, strides }: TorchTensor): string {
  return [storage.key, storage.start, dtype, offset, shape.join('x'), strides.join('x')].join(' ')
}

/** A dictionary's plain values as texts. */
function textsOf(root: PickleValue): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const [key, value] of root instanceof Map ? root : []) {
    if (typeof value === 'object' && value !== null) continue
    if (typeof key === 'string' && value !== null) texts[key] = String(value)
  }
  return texts
}

/** What something is, for errors. */
function describe(value: PickleValue): string {
  if (!(value instanceof Map)) return 'a value that is no dictionary'
  const keys = [...value.keys()].slice(0, 20).map((key) => `'${nameOf(key).slice(0, 40)}'`)
  return keys.length ? `a dictionary of ${keys.join(', ')}` : 'an empty dictionary'
}
