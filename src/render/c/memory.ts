import type { Kernel, Program, StorageType } from '../../loop/ir.ts'
import { align64, storageBytes } from '../../loop/ir.ts'
import { eachExpression, eachStatement, expressions } from '../../loop/walk.ts'
import { identifier } from './names.ts'
import { elementText } from './ops.ts'

/** A pointer that a kernel starts with: `const float *const x = (const float *)slots[1];` */
export interface Pointer {
  /** As the loop language names it. */
  readonly buffer: string
  /** `const float *` */
  readonly type: string
  /** `x` */
  readonly name: string
  /** `(const float *)slots[1]` */
  readonly value: string
}

/** The buffers that a kernel uses, in the order of their first use. */
export function bufferPointers(program: Program, kernel: Kernel): Pointer[] {
  const { used, written } = usedMemory(program, kernel)
  const declared = new Map(program.buffers.map((buffer) => [buffer.name, buffer]))
  return [...used].flatMap((name) => {
    const buffer = declared.get(name)
    if (!buffer) return []
    const base = `slots[${buffer.slot}]`
    const moved = (buffer.advances ?? []).map(({ counter, bytes }) => {
      const { offset } = declared.get(counter)!
      return ` + ${bytes}ll * *(const int *)(slots[0] + ${offset})`
    })
    return [pointer(name, buffer.dtype, written.has(name), base, buffer.offset, moved.join(''))]
  })
}

/** The scratch arrays that a kernel uses, one after the other in the chunk's scratch memory. */
export function scratchPointers(program: Program, kernel: Kernel): Pointer[] {
  const { used } = usedMemory(program, kernel)
  const pointers: Pointer[] = []
  let offset = 0
  for (const { name, dtype, size } of kernel.scratch) {
    if (used.has(name)) pointers.push(pointer(name, dtype, true, 'scratch', offset))
    offset += align64(size * storageBytes[dtype])
  }
  return pointers
}

function pointer(
  buffer: string,
  dtype: StorageType,
  writable: boolean,
  base: string,
  offset: number,
  moved = '',
): Pointer {
  const type = `${writable ? '' : 'const '}${elementText[dtype].type} *`
  const address = offset === 0 && !moved ? base : `(${base} + ${offset}${moved})`
  return { buffer, type, name: identifier(buffer), value: `(${type})${address}` }
}

function usedMemory(program: Program, kernel: Kernel): { used: Set<string>; written: Set<string> } {
  const used = new Set<string>()
  const written = new Set<string>()
  const write = (name: string) => written.add(name) && used.add(name)
  eachStatement(kernel.body, (stmt) => {
    if (stmt.kind === 'store') write(stmt.buffer)
    if (stmt.kind === 'call') {
      const params = program.functions.find(({ name }) => name === stmt.func)?.params ?? []
      for (const [i, arg] of stmt.args.entries()) {
        const param = params[i]
        if (arg.kind !== 'pointer' || param?.kind !== 'pointer') continue
        used.add(arg.buffer)
        if (param.writable) write(arg.buffer)
      }
    }
    for (const expr of expressions(stmt)) {
      eachExpression(expr, (inner) => {
        if (inner.kind === 'load') used.add(inner.buffer)
      })
    }
  })
  return { used, written }
}
