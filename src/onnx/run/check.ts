import { BrickError } from '../../base/errors.ts'
import type { Message } from '../file/messages.ts'
import { domainOf, type OnnxFile } from '../file/read.ts'
import { opOf } from '../ops/table.ts'
import { functionKey, nodeLabel, type Run } from './graph-run.ts'

/** Versions of ONNX's own operators that are understood. */
export const opsetRange = { first: 7, last: 23 } as const

type NodeProto = Message<'NodeProto'>

/** An operator that is not there, and the nodes that want it. */
export interface UnknownOperator {
  readonly domain: string
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
  const version = file.opsets.get('') ?? opsetRange.last
  if (version < opsetRange.first || version > opsetRange.last) {
    throw new BrickError({
      kind: 'unknown',
      where: file.name,
      got: `opset ${version}`,
      wanted: `opset ${opsetRange.first} … ${opsetRange.last}`,
      remedy: 'Convert it with onnx.version_converter, or export it again.',
    })
  }
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

const SHOWN = 3

function showMissing({ domain, name, nodes }: UnknownOperator): string {
  const shown = nodes.slice(0, SHOWN).join(', ')
  const more = nodes.length > SHOWN ? `, … (${nodes.length} nodes)` : ''
  return `${domain ? `${domain}.` : ''}${name} (${shown}${more})`
}

/** All operators of a file that are not there. */
export function unknownOperators(file: OnnxFile, functions: Run['functions']): UnknownOperator[] {
  const missing = new Map<string, { domain: string; name: string; nodes: string[] }>()
  const visit = (node: NodeProto): void => {
    const [domain, name] = [domainOf(node.domain), node.opType ?? '']
    for (const { g, graphs } of node.attribute) {
      for (const graph of g ? [g, ...graphs] : graphs) graph.node.forEach(visit)
    }
    if (opOf(domain, name) || functions.has(functionKey(domain, name))) return
    const key = functionKey(domain, name)
    const entry = missing.get(key) ?? { domain, name, nodes: [] }
    missing.set(key, entry)
    entry.nodes.push(nodeLabel(node))
  }
  file.graph.node.forEach(visit)
  for (const body of functions.values()) body.node.forEach(visit)
  return [...missing.values()]
}
