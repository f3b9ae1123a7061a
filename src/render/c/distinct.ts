import type { Kernel, Program } from '../../loop/ir.ts'

/**
 * Groups of kernels that do the same to different buffers (the layers of a deep network, the
 * parameters of an optimiser): one body in C serves a whole group. Groups and their members are in
 * the program's order.
 */
export function kernelGroups(program: Program): number[][] {
  const dtypes = new Map(program.buffers.map(({ name, dtype }) => [name, dtype]))
  const groups = new Map<string, number[]>()
  for (const [index, kernel] of program.kernels.entries()) {
    const key = kernelKey(kernel, dtypes)
    const group = groups.get(key)
    if (group) group.push(index)
    else groups.set(key, [index])
  }
  return [...groups.values()]
}

const isComment = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'comment'

/** The kernel's text with its buffers numbered in the order of their first use. */
function kernelKey(kernel: Kernel, dtypes: ReadonlyMap<string, string>): string {
  const numbers = new Map<string, number>()
  return JSON.stringify([kernel.scratch, kernel.body], (key, value: unknown) => {
    // What comments say makes no difference.
    if (isComment(value)) return undefined
    // JSON has no such numbers.
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
      return Object.is(value, -0) ? 'float -0' : `float ${value}`
    }
    if (key !== 'buffer' || typeof value !== 'string' || !dtypes.has(value)) return value
    if (!numbers.has(value)) numbers.set(value, numbers.size)
    return [numbers.get(value), dtypes.get(value)]
  })
}
