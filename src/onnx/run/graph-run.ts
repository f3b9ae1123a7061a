import { BrickError } from '../../base/errors.ts'
import { showShape } from '../../base/shape.ts'
import { inScope } from '../../graph/make.ts'
import type { Message } from '../file/messages.ts'
import { domainOf, initializersOf } from '../file/read.ts'
import { opOf } from '../ops/table.ts'
import { type Attribute, type Graph, NodeCall } from './call.ts'
import { folded, type Slot, Value } from './value.ts'

type NodeProto = Message<'NodeProto'>

/** What all graphs of a model share while it runs. */
export interface Run {
  readonly file: string
  readonly training: boolean
  readonly opsets: ReadonlyMap<string, number>
  readonly functions: ReadonlyMap<string, Message<'FunctionProto'>>
  /** In a function: the attributes of its call, which its nodes may refer to. */
  readonly given?: ReadonlyMap<string, Attribute>
  /** How many more nodes may run: loops in loops could go on for years. */
  readonly budget: { left: number }
}

/** Nodes that one run may have, loops written out. */
export const MOST_NODES = 2_000_000

/** Values by name; those of the graph around are seen, too. */
export class Names {
  private readonly own = new Map<string, Slot>()
  private readonly outer: Names | undefined

  constructor(outer?: Names) {
    this.outer = outer
  }

  has(name: string): boolean {
    return this.own.has(name) || (this.outer?.has(name) ?? false)
  }
  get(name: string): Slot {
    return this.own.has(name) ? this.own.get(name) : this.outer?.get(name)
  }
  set(name: string, value: Slot): void {
    this.own.set(name, value)
  }
}

/** The name under which a local function is found. */
export const functionKey = (
  domain: string | undefined,
  name: string | undefined,
  overload = '',
): string => `${domainOf(domain)}:${name ?? ''}:${overload}`

/** Runs nodes in the file's order, which is that of their dependences. */
export function runNodes(nodes: readonly NodeProto[], names: Names, run: Run): void {
  for (const node of nodes) {
    const label = nodeLabel(node)
    try {
      inScope(node.name || node.output[0] || '', () => runNode(node, names, run))
    } catch (error) {
      throw located(error, label)
    }
  }
}

/** What an operator was given made no sense to it: the file's fault, like what it refuses itself. */
function located(error: unknown, label: string): BrickError {
  if (error instanceof BrickError) return error.within(label)
  return new BrickError({
    kind: 'file',
    where: label,
    got: error instanceof Error ? error.message : String(error),
    wanted: 'inputs and attributes that belong together',
    remedy: 'The file is damaged, or asks for more than there is.',
    cause: error,
  })
}

/** `Conv 'conv1'`, as errors name a node. */
export function nodeLabel(node: NodeProto): string {
  const name = node.name || node.output.find(Boolean) || ''
  return name ? `${node.opType} '${name}'` : (node.opType ?? '')
}

function runNode(node: NodeProto, names: Names, run: Run): void {
  if (run.budget.left-- <= 0) {
    throw new BrickError({
      kind: 'file',
      where: run.file,
      got: `more than ${MOST_NODES} nodes in one run`,
      wanted: 'loops that end sooner',
    })
  }
  const inputs = node.input.map((name) => slotOf(name, names))
  const attributes = attributesOf(node, run.given)
  const body = run.functions.get(functionKey(node.domain, node.opType, node.overload))
  const outputs = body
    ? runFunction(body, inputs, attributes, run)
    : runOp(node, inputs, attributes, names, run)
  node.output.forEach((name, i) => {
    if (name) names.set(name, outputs[i])
  })
}

function slotOf(name: string, names: Names): Slot {
  if (name === '' || names.has(name)) return name === '' ? undefined : names.get(name)
  throw new BrickError({
    kind: 'file',
    where: `input '${name}'`,
    got: 'nothing of that name',
    wanted: 'a value that an earlier node leaves',
    remedy: 'The file is damaged, or its nodes are out of order.',
  })
}

/** A node's attributes; in a function, some are the caller's. */
function attributesOf(
  node: NodeProto,
  given: ReadonlyMap<string, Attribute> | undefined,
): ReadonlyMap<string, Attribute> {
  const found = new Map<string, Attribute>()
  for (const attribute of node.attribute) {
    const { refAttrName } = attribute
    const meant = refAttrName ? given?.get(refAttrName) : attribute
    if (meant) found.set(attribute.name ?? '', meant)
  }
  return found
}

function runOp(
  node: NodeProto,
  inputs: readonly Slot[],
  attributes: ReadonlyMap<string, Attribute>,
  names: Names,
  run: Run,
): readonly Slot[] {
  const domain = domainOf(node.domain)
  const opset = run.opsets.get(domain) ?? 1
  const op = opOf(domain, node.opType ?? '', opset)!
  const call = new NodeCall(node, inputs, attributes, {
    file: run.file,
    opset,
    training: run.training,
    runGraph: (graph, slots) => runGraph(graph, slots, run, names),
  })
  const made = op.run(call)
  const outputs = made instanceof Value ? [made] : made
  for (const slot of outputs) {
    if (!(slot instanceof Value) || slot.shape.every((n) => Number.isSafeInteger(n) && n >= 0))
      continue
    throw call.refuse(`a result of shape ${showShape(slot.shape)}`, 'sizes from 0', 'shape')
  }
  const constant = !op.random && inputs.every((slot) => !slot || isConstant(slot))
  return constant ? outputs.map((slot) => (slot instanceof Value ? folded(slot) : slot)) : outputs
}

const isConstant = (slot: Slot): boolean => slot instanceof Value && slot.host !== undefined

/** Runs a graph: what it is given by position, what is around it by name. */
export function runGraph(graph: Graph, inputs: readonly Slot[], run: Run, outer?: Names): Slot[] {
  const names = new Names(outer)
  for (const [name, array] of initializersOf(graph, run.file)) {
    names.set(name, Value.constant(array))
  }
  inputs.forEach((slot, i) => {
    names.set(graph.input[i]?.name ?? '', slot)
  })
  runNodes(graph.node, names, run)
  return graph.output.map(({ name }) => slotOf(name ?? '', names))
}

function runFunction(
  body: Message<'FunctionProto'>,
  inputs: readonly Slot[],
  attributes: ReadonlyMap<string, Attribute>,
  run: Run,
): Slot[] {
  const names = new Names()
  body.input.forEach((name, i) => {
    names.set(name, inputs[i])
  })
  const given = new Map(body.attributeProto.map((a) => [a.name ?? '', a]))
  for (const [name, attribute] of attributes) given.set(name, attribute)
  const opsets = new Map(run.opsets)
  for (const { domain, version } of body.opsetImport) opsets.set(domainOf(domain), version ?? 1)
  runNodes(body.node, names, { ...run, opsets, given })
  return body.output.map((name) => slotOf(name, names))
}
