import { BrickError } from '../../base/errors.ts'
import { normalizeAxis, showShape } from '../../base/shape.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { ElementType } from '../file/element-types.ts'
import { typeNamed } from '../file/element-types.ts'
import { type HostArray, hostArray } from '../file/host-array.ts'
import type { Message } from '../file/messages.ts'
import { wrapped } from './fitted.ts'
import { type Sequence, type Slot, Value } from './value.ts'

export type Attribute = Message<'AttributeProto'>
export type Graph = Message<'GraphProto'>

/** What a node's run knows of the graph around it. */
export interface Surroundings {
  readonly file: string
  /** Version of the operators of the node's domain. */
  readonly opset: number
  readonly training: boolean
  /** Runs a graph inside the node; it sees the values around the node. */
  runGraph(graph: Graph, inputs: readonly Slot[]): Slot[]
}

const MOST_ON_HOST = 2 ** 24

/** One run of a node: its inputs and attributes, checked as they are asked for. */
export class NodeCall {
  readonly inputs: readonly Slot[]
  readonly opset: number
  readonly training: boolean
  readonly runGraph: Surroundings['runGraph']
  /** Which outputs are asked for. */
  readonly outputs: readonly boolean[]
  private readonly attributes: ReadonlyMap<string, Attribute>
  private readonly file: string
  private readonly op: string

  constructor(
    node: Message<'NodeProto'>,
    inputs: readonly Slot[],
    attributes: ReadonlyMap<string, Attribute>,
    around: Surroundings,
  ) {
    this.inputs = inputs
    this.attributes = attributes
    this.outputs = node.output.map((name) => name !== '')
    this.op = node.opType ?? ''
    this.file = around.file
    this.opset = around.opset
    this.training = around.training
    this.runGraph = around.runGraph
  }

  // inputs -----------------------------------------------------------------------------------

  slot(i: number): Value | Sequence {
    const slot = this.inputs[i]
    if (slot) return slot
    throw this.refuse('absent', `input ${i}`, 'file')
  }

  value(i: number): Value {
    const slot = this.slot(i)
    if (slot instanceof Value) return slot
    throw this.refuse(`a sequence as input ${i}`, 'a tensor', 'file')
  }

  optional(i: number): Value | undefined {
    return this.inputs[i] ? this.value(i) : undefined
  }

  tensor(i: number): Tensor {
    return this.value(i).tensor
  }

  /** All inputs, which are tensors. */
  tensors(): Tensor[] {
    return this.inputs.map((_, i) => this.tensor(i))
  }

  sequence(i: number): readonly Value[] {
    const slot = this.slot(i)
    if (!(slot instanceof Value)) return slot.items
    throw this.refuse(`a tensor as input ${i}`, 'a sequence', 'file')
  }

  /** The numbers of an input that the result's shape depends on. */
  known(i: number): number[] {
    const value = this.value(i)
    const numbers = value.known
    if (numbers) return Array.from(numbers)
    throw this.refuse(
      `input ${i} (${value.type.name} ${showShape(value.shape)}), which is computed from inputs or weights`,
      `numbers that are known before anything is computed, for the result's shape`,
      'argument',
      'Give it as an integer tensor of host data outside compile, or fix the shapes when exporting.',
    )
  }

  knownOptional(i: number): number[] | undefined {
    return this.inputs[i] ? this.known(i) : undefined
  }

  /** A node's axes: an attribute before a version, an input from it on. */
  axes(inputSince: number, i = 1): number[] | undefined {
    return this.opset >= inputSince ? this.knownOptional(i) : this.ints('axes')
  }

  /** A count of what is made on the host, if it is not so large that only a damaged file asks for it. */
  limited(count: number, what: string): number {
    if (Number.isInteger(count) && count >= 0 && count <= MOST_ON_HOST) return count
    throw this.refuse(`${count} ${what}`, `at most ${MOST_ON_HOST}`, 'shape')
  }

  axis(axis: number, rank: number): number {
    return normalizeAxis(axis, rank, this.op)
  }

  // attributes -------------------------------------------------------------------------------

  has(name: string): boolean {
    return this.attributes.has(name)
  }

  int(name: string, otherwise: number): number {
    return this.attributes.get(name)?.i ?? (this.has(name) ? 0 : otherwise)
  }

  integer(name: string): number | undefined {
    return this.has(name) ? this.int(name, 0) : undefined
  }

  float(name: string, otherwise: number): number {
    return this.attributes.get(name)?.f ?? (this.has(name) ? 0 : otherwise)
  }

  ints(name: string): number[] | undefined {
    const found = this.attributes.get(name)
    return found && [...found.ints]
  }

  floats(name: string): number[] | undefined {
    const found = this.attributes.get(name)
    return found && [...found.floats]
  }

  text(name: string, otherwise: string): string {
    const found = this.attributes.get(name)
    return found ? textOf(found.s) : otherwise
  }

  texts(name: string): string[] | undefined {
    return this.attributes.get(name)?.strings.map(textOf)
  }

  array(name: string): HostArray | undefined {
    const { t } = this.attributes.get(name) ?? {}
    return t && hostArray(t, this.file)
  }

  attribute(name: string): Attribute | undefined {
    return this.attributes.get(name)
  }

  graph(name: string): Graph {
    const { g } = this.attributes.get(name) ?? {}
    if (g) return g
    throw this.refuse('absent', `a graph as attribute '${name}'`, 'file')
  }

  // results ----------------------------------------------------------------------------------

  /** A result of the type of an input. */
  like(i: number, tensor: Tensor): Value {
    return Value.of(this.value(i).type, tensor)
  }

  /** The same of arithmetic, whose results may be too large for narrow integers: they wrap around. */
  wrapped(i: number, tensor: Tensor): Value {
    const { type } = this.value(i)
    return Value.of(type, wrapped(type, tensor))
  }

  truth(tensor: Tensor): Value {
    return Value.of(typeNamed('bool'), tensor)
  }

  int64(tensor: Tensor): Value {
    return Value.of(typeNamed('int64'), tensor)
  }

  of(type: ElementType | string, tensor: Tensor): Value {
    return Value.of(typeof type === 'string' ? typeNamed(type) : type, tensor)
  }

  refuse(
    got: string,
    wanted: string,
    kind: 'argument' | 'file' | 'shape' | 'dtype' = 'argument',
    remedy?: string,
  ): BrickError {
    return new BrickError({ kind, where: this.op, got, wanted, ...(remedy ? { remedy } : {}) })
  }
}

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes)
