import type { Func, Kernel, Program, Stmt, StorageType } from '../../loop/ir.ts'
import { scratchBytes } from '../../loop/ir.ts'
import { eachStatement } from '../../loop/walk.ts'
import { kernelGroups } from './distinct.ts'
import { indexLets } from './indices.ts'
import { bufferPointers, scratchPointers } from './memory.ts'
import { identifier } from './names.ts'
import { elementText } from './ops.ts'
import { Prelude } from './prelude.ts'
import { blockLines, commentText } from './statement.ts'
import { streamedBuffers } from './streamed.ts'

/** Statements from which a second compiler process pays. */
const largeProgram = 600

/**
 * The C source of a program: one translation unit, or two of about equal size where the program is
 * large enough that compiling them side by side is faster.
 *
 * A kernel is `void kernel_N(char *const *slots, int chunk, char *scratch)`; the last unit holds
 * `brick_kernels`, the table that the runtime walks, and `brick_count`. The C is for gcc 9 or
 * clang 12 and later, and for any machine: vectors are the compilers' own (GNU) vector types.
 */
export function renderC(program: Program): string[] {
  const units = split(kernelGroups(program), program)
  return units.map((groups, unit) =>
    unitText(program, groups, unit === units.length - 1 ? tableText(program) : ''),
  )
}

/** Halves the groups by size, if the program is large. */
function split(groups: readonly number[][], program: Program): number[][][] {
  const sizes = groups.map(([first]) => statements(program.kernels[first!]!.body))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total < largeProgram || groups.length < 2) return [[...groups]]
  let before = 0
  const cut = sizes.findIndex((size) => {
    before += size
    return before * 2 >= total
  })
  const middle = Math.min(cut + 1, groups.length - 1)
  return [groups.slice(0, middle), groups.slice(middle)]
}

function statements(body: readonly Stmt[]): number {
  let count = 0
  eachStatement(body, () => count++)
  return count
}

const head = `#define INLINE static inline __attribute__((always_inline))
#define SHARED static __attribute__((noinline))
#define HIDDEN __attribute__((visibility("hidden")))`

function unitText(program: Program, groups: readonly number[][], table: string): string {
  const prelude = new Prelude()
  const kernels = groups.map(([first]) => program.kernels[first!]!)
  const texts = [
    ...usedFunctions(program.functions, kernels).map((func) => functionText(func, prelude)),
    ...groups.map((group) => groupText(program, group, prelude)),
  ]
  const parts = [head, prelude.text(), ...texts, table]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** Functions that these kernels call, and those that they call in turn, in the program's order. */
function usedFunctions(functions: readonly Func[], kernels: readonly Kernel[]): Func[] {
  const used = new Set<string>()
  const note = (stmt: Stmt) => {
    if (stmt.kind === 'call') used.add(stmt.func)
  }
  for (const { body } of kernels) eachStatement(body, note)
  for (const func of [...functions].reverse()) {
    if (used.has(func.name)) eachStatement(func.body, note)
  }
  return functions.filter(({ name }) => used.has(name))
}

/** One body for all callers: it is large, and inlining it would cost time and registers. */
function functionText(func: Func, prelude: Prelude): string {
  const storage = new Map<string, StorageType>()
  const parameters = func.params.map((param) => {
    const name = identifier(param.name)
    if (param.kind === 'value') return `int ${name}`
    storage.set(param.name, param.dtype)
    const constant = param.writable ? '' : 'const '
    return `${constant}${elementText[param.dtype].type} *restrict ${name}`
  })
  const scope = { prelude, storage, indexLets: indexLets(func.body), streamed: new Set<string>() }
  const lines = blockLines(func.body, scope, 1)
  const list = parameters.join(', ') || 'void'
  return [`SHARED void fn_${func.name}(${list}) {`, ...lines, '}'].join('\n')
}

/** A kernel; or a body with its buffers as parameters, and the kernels that share it. */
function groupText(program: Program, group: readonly number[], prelude: Prelude): string {
  const [first] = group
  const kernel = program.kernels[first!]!
  const pointers = bufferPointers(program, kernel)
  const own = scratchPointers(program, kernel)
  const lines = (declared: typeof own) => [
    ...declared.map(({ type, name, value }) => `  ${type}const ${name} = ${value};`),
    ...bodyLines(program, kernel, prelude),
    '}',
  ]
  if (group.length === 1) {
    return [...kernelHead(program, first!), ...lines([...pointers, ...own])].join('\n')
  }
  const parameters = pointers.map(({ type, name }) => `${type}${name}, `).join('')
  return [
    `SHARED void shared_${first}(${parameters}int chunk, char *scratch) {`,
    ...lines(own),
    ...group.flatMap((index) => {
      const values = bufferPointers(program, program.kernels[index]!).map(
        ({ value }) => `${value}, `,
      )
      const call = `  shared_${first}(${values.join('')}chunk, scratch);`
      return ['', ...kernelHead(program, index), call, '}']
    }),
  ].join('\n')
}

function kernelHead(program: Program, index: number): string[] {
  const { name, origin } = program.kernels[index]!
  return [
    `/* ${commentText(`${name}: ${origin}`)} */`,
    `HIDDEN void kernel_${index}(char *const *slots, int chunk, char *scratch) {`,
  ]
}

function bodyLines(program: Program, kernel: Kernel, prelude: Prelude): string[] {
  const storage = new Map<string, StorageType>()
  for (const { name, dtype } of [...program.buffers, ...kernel.scratch]) storage.set(name, dtype)
  const streamed = streamedBuffers(program, kernel)
  const scope = { prelude, storage, indexLets: indexLets(kernel.body), streamed }
  const lines = blockLines(kernel.body, scope, 1)
  return streamed.size > 0 ? [...lines, `  ${prelude.fence()}();`] : lines
}

/** What the runtime looks up: the kernels in the order in which they run. */
function tableText({ kernels, loops = [], buffers }: Program): string {
  const rows = kernels.map((kernel, index) => {
    const loop = loops.find(({ last }) => last === index)
    const counter = buffers.find(({ name }) => name === loop?.counter)?.offset ?? 0
    const again = loop ? `${loop.times}, ${index - loop.first}, ${counter}` : '0, 0, 0'
    return `  { kernel_${index}, ${kernel.chunks}, ${scratchBytes(kernel)}, ${again} },`
  })
  return [
    ...kernels.map(
      (_, i) => `HIDDEN void kernel_${i}(char *const *slots, int chunk, char *scratch);`,
    ),
    '',
    'const struct {',
    '  void (*run)(char *const *slots, int chunk, char *scratch);',
    '  long long chunks;',
    '  long long scratch_bytes;',
    '  /* After this kernel: how often the loop that it ends runs, how many kernels back it began,',
    '     and where in the arena its rounds are counted. */',
    '  long long times, back, counter;',
    '} brick_kernels[] = {',
    ...rows,
    '  { 0, 0, 0, 0, 0, 0 },',
    '};',
    '',
    `const int brick_count = ${kernels.length};`,
  ].join('\n')
}
