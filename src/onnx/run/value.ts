import { sizeOf } from '../../base/shape.ts'
import { topological } from '../../graph/node.ts'
import { interpret } from '../../interpreter/interpreter.ts'
import { full } from '../../tensor/create.ts'
import { Storage } from '../../tensor/storage.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type ElementType, typeNamed } from '../file/element-types.ts'
import { arrayView, type HostArray } from '../file/host-array.ts'
import { fitted } from './fitted.ts'

/**
 * What flows along an edge of a graph: a tensor, or numbers that the host knows (constants, and
 * shapes that were computed from them), with the element type that the file gives it.
 */
export class Value {
  readonly type: ElementType
  readonly shape: readonly number[]
  /** The numbers, if it is a constant. */
  readonly host: HostArray | undefined
  private made: Tensor | undefined

  private constructor(
    type: ElementType,
    shape: readonly number[],
    host?: HostArray,
    made?: Tensor,
  ) {
    this.type = type
    this.shape = shape
    this.host = host
    this.made = made
  }

  static constant(array: HostArray): Value {
    return new Value(array.type, array.shape, array)
  }

  /** Whole numbers on the host, int64 unless told otherwise. */
  static integers(numbers: readonly number[], shape = [numbers.length], type = 'int64'): Value {
    return Value.constant({ type: typeNamed(type), shape, data: Float64Array.from(numbers) })
  }

  /** A tensor, which is converted to the type. */
  static of(type: ElementType, tensor: Tensor): Value {
    return new Value(type, tensor.shape, undefined, fitted(type, tensor))
  }

  get rank(): number {
    return this.shape.length
  }

  get tensor(): Tensor {
    this.made ??= tensorOf(this.host!)
    return this.made
  }

  /**
   * The numbers, if the host can know them: of a constant, or of what is computed from constants and
   * from inputs that the host has. Parameters and what a compiled step is given are not known.
   */
  get known(): ArrayLike<number> | undefined {
    return this.host?.data ?? computed(this.tensor)
  }
}

/** A list of values: ONNX's sequence. */
export interface Sequence {
  readonly items: readonly Value[]
}

/** What an input or output of a node may be; undefined: left out. */
export type Slot = Value | Sequence | undefined

function tensorOf(array: HostArray): Tensor {
  const view = arrayView(array)
  const first = view.data[0]
  // One number everywhere is part of the program, not an input of it.
  if (first !== undefined && view.data.every((value) => Object.is(value, first))) {
    return full(view.shape, first, view.dtype)
  }
  return Tensor.of(view.data, view.shape, view.dtype)
}

/** More than this is not computed on the host. */
const MOST = 4096

function computed(tensor: Tensor): ArrayLike<number> | undefined {
  const nodes = topological([tensor.node])
  const stored = new Map<object, ArrayLike<number>>()
  for (const node of nodes) {
    if (node.is('random') || sizeOf(node.shape) > MOST) return undefined
    if (!node.is('buffer')) continue
    const { source, version } = node.attrs
    const values = source instanceof Storage && version === undefined ? source.settled() : undefined
    if (!values) return undefined
    stored.set(source, values)
  }
  return interpret([tensor.node], ({ attrs }) => stored.get(attrs.source)!)[0]!
}

/**
 * A value as a constant, if its graph is small and starts from constants: so that shapes computed in
 * the file stay numbers on the host.
 */
export function folded(value: Value): Value {
  if (value.host || sizeOf(value.shape) > MOST) return value
  const data = computed(value.tensor)
  if (!data) return value
  return Value.constant({ type: value.type, shape: value.shape, data: Float64Array.from(data) })
}
