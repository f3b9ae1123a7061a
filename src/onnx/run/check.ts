import { BrickError } from '../../base/errors.ts'
import type { Message } from '../file/messages.ts'
import { domainOf, type OnnxFile } from '../file/read.ts'
import { domains, opOf } from '../ops/table.ts'
import { functionKey, MOST_NODES, nodeLabel, type Run } from './graph-run.ts'

/** The last version of ONNX's own operators that is understood; each of them says its first. */
export const LAST_OPSET = 23

type NodeProto = Message<'NodeProto'>

/** An operator that is not there, and the nodes that want it. */
export interface UnknownOperator {
  readonly domain: string
  readonly version: number
  readonly name: string
  readonly nodes: readonly string[]
}

/**
 * Refuses a file that needs what is not there, before anything runs.
 *
 * @throws BrickError `unknown` that lists every operator that is not supported, or for a version of the
 * operators that is too old or too new.
 */
export function checkOperators(file: OnnxFile, functions: Run['functions']): void {
  const version = file.opsets.get('') ?? 1
  if (version > LAST_OPSET) {
    throw new BrickError({
      kind: 'unknown',
      where: file.name,
      got: `opset ${version}`,
      wanted: `an opset up to ${LAST_OPSET}`,
      remedy: 'Convert it with onnx.version_converter, or export it again.',
    })
  }
  checkFunctions(file, functions)
  const missing = unknownOperators(file, functions)
  if (missing.length === 0) return
  throw new BrickError({
    kind: 'unknown',
    where: file.name,
    got: missing.map(showMissing).join('; '),
    wanted: 'operators that are supported',
    remedy: 'docs/onnx.md lists them. Export the model with others, or simplify it first.',
  })
}

/** Refuses functions that call themselves, or each other so often that the file would never end. */
function checkFunctions(file: OnnxFile, functions: Run['functions']): void {
  const sizes = new Map<string, number>()
  const under = new Set<string>()
  const refuse = (name: string, got: string) =>
    new BrickError({
      kind: 'file',
      where: file.name,
      got: `function '${name}', which ${got}`,
      wanted: 'functions that end',
      remedy: 'The file is damaged.',
    })
  const sizeOf = (key: string): number => {
    const body = functions.get(key)
    const known = sizes.get(key)
    if (!body || known !== undefined) return known ?? 1
    if (under.has(key)) throw refuse(body.name ?? '', 'calls itself')
    under.add(key)
    const size = countOf(body.node)
    under.delete(key)
    if (size > MOST_NODES) throw refuse(body.name ?? '', `has more than ${MOST_NODES} nodes`)
    sizes.set(key, size)
    return size
  }
  const countOf = (nodes: readonly NodeProto[]): number =>
    nodes.reduce((sum, node) => {
      const inside = node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs))
      const more = inside.reduce((n, graph) => n + countOf(graph.node), 0)
      return sum + more + sizeOf(functionKey(node.domain, node.opType, node.overload))
    }, 0)
  countOf(file.graph.node)
}

const SHOWN = 3

/** `Add of opset 6`, `com.microsoft.Rfft`. */
export function showOperator({ domain, name, version }: UnknownOperator): string {
  const known = Object.hasOwn(domains[domain] ?? {}, name)
  return `${domain ? `${domain}.` : ''}${name}${known ? ` of opset ${version}` : ''}`
}

function showMissing(operator: UnknownOperator): string {
  const { nodes } = operator
  const shown = nodes.slice(0, SHOWN).join(', ')
  const more = nodes.length > SHOWN ? `, … (${nodes.length} nodes)` : ''
  return `${showOperator(operator)} (${shown}${more})`
}

/** All operators of a file that are not there. */
export function unknownOperators(file: OnnxFile, functions: Run['functions']): UnknownOperator[] {
  const missing = new Map<string, UnknownOperator & { readonly nodes: string[] }>()
  const visit = (node: NodeProto, opsets: OnnxFile['opsets']): void => {
    const [domain, name] = [domainOf(node.domain), node.opType ?? '']
    for (const { g, graphs } of node.attribute) {
      for (const graph of g ? [g, ...graphs] : graphs) {
        for (const inner of graph.node) visit(inner, opsets)
      }
    }
    const version = opsets.get(domain) ?? 1
    if (opOf(domain, name, version) || functions.has(functionKey(domain, name, node.overload)))
      return
    const key = functionKey(domain, name)
    const entry = missing.get(key) ?? { domain, name, version, nodes: [] }
    missing.set(key, entry)
    entry.nodes.push(nodeLabel(node))
  }
  for (const node of file.graph.node) visit(node, file.opsets)
  for (const { node, opsetImport } of functions.values()) {
    const own = opsetImport.map((o) => [domainOf(o.domain), o.version ?? 1] as const)
    for (const inner of node) visit(inner, new Map([...file.opsets, ...own]))
  }
  return [...missing.values()]
}
