import { sizeOf } from '../../base/shape.ts'
import type { HostArray } from '../file/host-array.ts'
import type { Message } from '../file/messages.ts'
import { domainOf, type OnnxFile } from '../file/read.ts'
import { opOf } from '../ops/table.ts'

/** What an initialiser is: trained, kept, or a number of the program. */
export type Role = 'parameter' | 'buffer' | 'constant'

/**
 * Integers are constants, and so are floats that only say sizes and bounds. What an operator keeps
 * (running statistics) and single numbers are buffers; all other floats are parameters.
 */
export function rolesOf(file: OnnxFile): (name: string, array: HostArray) => Role {
  const used = new Map<string, Set<Role>>()
  const visit = (node: Message<'NodeProto'>): void => {
    const domain = domainOf(node.domain)
    const op = opOf(domain, node.opType ?? '', file.opsets.get(domain) ?? 1)
    node.input.forEach((name, i) => {
      const roles = used.get(name) ?? new Set()
      used.set(name, roles)
      const host = op?.host?.includes(i)
      roles.add(host ? 'constant' : op?.fixed?.includes(i) ? 'buffer' : 'parameter')
    })
    for (const { g, graphs } of node.attribute) {
      for (const graph of g ? [g, ...graphs] : graphs) graph.node.forEach(visit)
    }
  }
  file.graph.node.forEach(visit)
  return (name, { type, shape }) => {
    const roles = used.get(name) ?? new Set<Role>(['parameter'])
    if (type.dtype !== 'f32') return 'constant'
    if (roles.size === 1 && roles.has('constant')) return 'constant'
    if (roles.has('buffer') || (shape.length === 0 && sizeOf(shape) === 1)) return 'buffer'
    return 'parameter'
  }
}
