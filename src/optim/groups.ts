import { BrickError } from '../base/errors.ts'
import { Tensor, variable } from '../tensor/tensor.ts'
import { requireRange } from './options.ts'

/** Parameters: a list, a named record, or a module. */
export type ParameterList =
  | readonly Tensor[]
  | Readonly<Record<string, Tensor>>
  | { namedParameters(): Record<string, Tensor> }

/** Options that all optimisers have. */
export interface CommonOptions {
  readonly lr: number
  /** How strongly parameters are drawn towards 0 (default 0). */
  readonly weightDecay?: number
  /**
   * Whether weight decay acts on biases and the factors of norms, too: on parameters of less than
   * two dims (default true, as in PyTorch).
   */
  readonly decayBiases?: boolean
}

/** Parameters with options of their own; those left out are the optimiser's. */
export type ParameterGroup<Options = CommonOptions> = {
  readonly params: ParameterList
} & Partial<Options>

/** What an optimiser trains: parameters, or a list of groups of them. */
export type Parameters<Options = CommonOptions> = ParameterList | readonly ParameterGroup<Options>[]

/** Parameters of an optimiser that share their options. */
export class Group<Options extends CommonOptions = CommonOptions> {
  readonly parameters: readonly Tensor[]
  /** The parameters' names; their numbers if they came as a list. */
  readonly names: readonly string[]
  readonly options: Options
  /** The learning rate as the steps see it, f32 []. */
  readonly rate: Tensor
  readonly #where: string
  #lr: number

  /** @internal Optimisers make their groups. */
  constructor(where: string, named: readonly Named[], options: Options) {
    this.names = named.map(([name]) => name)
    this.parameters = named.map(([, parameter]) => parameter)
    this.options = options
    this.#where = where
    this.#lr = checkRate(where, options.lr)
    this.rate = variable(scalar(options.lr))
  }

  /** The learning rate. Assigning to it takes effect from the next step on, compiled or not. */
  get lr(): number {
    return this.#lr
  }
  set lr(value: number) {
    this.#lr = checkRate(this.#where, value)
    this.rate.assign(scalar(value))
  }

  /** The factor of weight decay for a parameter: 0 for those that are spared. */
  decayOf(parameter: Tensor): number {
    const { weightDecay = 0, decayBiases = true } = this.options
    return decayBiases || parameter.rank > 1 ? weightDecay : 0
  }
}

type Named = readonly [name: string, parameter: Tensor]

/** Host data: taken over without a program, so that a schedule costs next to nothing. */
const scalar = (value: number): Tensor => Tensor.of(Float32Array.of(value), [], 'f32')

function checkRate(where: string, lr: number): number {
  return requireRange(where, 'lr', lr, (v) => v >= 0, 'a learning rate ≥ 0')
}

/**
 * The groups of an optimiser; one, if it was given no groups. Where names of two groups collide,
 * all names begin with their group's number.
 *
 * @throws BrickError `argument` without parameters, or for one that is in two groups.
 */
export function groupsOf<Options extends CommonOptions>(
  where: string,
  parameters: Parameters<Options>,
  options: Options,
): Group<Options>[] {
  const given: readonly ParameterGroup<Options>[] = isGroups(parameters)
    ? parameters
    : [{ params: parameters } as ParameterGroup<Options>]
  const lists = numbered(
    given.map((group) => distinct(entriesOf(group.params), where)),
    given.map(({ params }) => Array.isArray(params)),
  )
  const all = lists.flat()
  if (all.length === 0 || lists.some((list) => list.length === 0)) throw empty(where)
  refuseShared(where, lists)
  const collide = new Set(all.map(([name]) => name)).size < all.length
  return lists.map((list, i) => {
    const { params: _, ...own } = given[i]!
    const named = collide ? list.map(([name, p]) => [`${i}.${name}`, p] as const) : list
    return new Group(where, named, { ...options, ...(own as object as Partial<Options>) })
  })
}

function isGroups<Options>(
  parameters: Parameters<Options>,
): parameters is readonly ParameterGroup<Options>[] {
  if (!Array.isArray(parameters) || parameters.length === 0) return false
  const list = parameters as readonly unknown[]
  return list.every((item) => !(item instanceof Tensor) && Object.hasOwn(Object(item), 'params'))
}

/** Parameters that came as lists are numbered through all groups. */
function numbered(lists: readonly Named[][], isList: readonly boolean[]): Named[][] {
  let next = 0
  return lists.map((list, i) =>
    isList[i] ? list.map(([, parameter]) => [`${next++}`, parameter] as const) : list,
  )
}

function distinct(named: readonly Named[], where: string): Named[] {
  const seen = new Set<Tensor>()
  return named.filter(([name, parameter]) => {
    if (!(parameter instanceof Tensor) || !parameter.isState || parameter.dtype !== 'f32') {
      throw new BrickError({
        kind: 'argument',
        where,
        got: `${name}, which is no state of f32`,
        wanted: 'parameters',
        remedy: 'Pass model.parameters(), or make them with variable(…, true).',
      })
    }
    const fresh = !seen.has(parameter)
    seen.add(parameter)
    return fresh
  })
}

function refuseShared(where: string, lists: readonly Named[][]): void {
  const seen = new Set<Tensor>()
  for (const [name, parameter] of lists.flat()) {
    if (!seen.has(parameter)) {
      seen.add(parameter)
      continue
    }
    throw new BrickError({
      kind: 'argument',
      where,
      got: `${name} in two groups`,
      wanted: 'each parameter in one group',
    })
  }
}

function empty(where: string): BrickError {
  return new BrickError({
    kind: 'argument',
    where,
    got: 'none',
    wanted: 'at least one parameter',
    remedy: 'A module finds parameters in its fields: are the layers stored in fields?',
  })
}

/** The parameters themselves, each once. */
export function tensorsIn(parameters: ParameterList): Tensor[] {
  return [...new Set(entriesOf(parameters).map(([, parameter]) => parameter))]
}

/** Parameters with their names. */
export function entriesOf(parameters: ParameterList): Named[] {
  if (Array.isArray(parameters)) return (parameters as readonly Tensor[]).map((p, i) => [`${i}`, p])
  const { namedParameters } = parameters as { namedParameters?: unknown }
  return typeof namedParameters === 'function'
    ? Object.entries(
        (parameters as { namedParameters(): Record<string, Tensor> }).namedParameters(),
      )
    : Object.entries(parameters as Readonly<Record<string, Tensor>>)
}
