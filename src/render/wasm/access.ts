import type { Expr, StorageType } from '../../loop/ir.ts'
import type { Generator } from './generator.ts'
import { f32, i32, i32x4, v128 } from './opcodes.ts'
import type { Polynomial } from './polynomial.ts'

type Load = Expr & { readonly kind: 'load' }

/** How elements of one storage type travel: an instruction, and log₂ of the alignment it may hint. */
interface Transfer {
  readonly load: number
  readonly store: number
  readonly align: number
}

const scalars: { readonly [S in StorageType]: Transfer } = {
  f32: { load: f32.load, store: f32.store, align: 2 },
  i32: { load: i32.load, store: i32.store, align: 2 },
  u8: { load: i32.load8u, store: i32.store8, align: 0 },
  bool: { load: i32.load8u, store: i32.store8, align: 0 },
}

const isWide = (dtype: StorageType): boolean => dtype === 'f32' || dtype === 'i32'

function access(g: Generator, code: number, align: number, offset: number): Generator {
  g.op(code).code.u32(align).u32(offset)
  return g
}

export function pushLoad(g: Generator, e: Load, index: Polynomial): void {
  const { dtype } = g.buffer(e.buffer)
  const offset = g.address(e.buffer, index)
  if (e.lanes === 1) access(g, scalars[dtype].load, scalars[dtype].align, offset)
  else if (isWide(dtype)) access(g, e.lanes === 4 ? v128.load : v128.load64Zero, 2, offset)
  else {
    if (e.lanes === 4) access(g, v128.load32Zero, 0, offset)
    else {
      g.vector(new Int32Array(4))
      access(g, v128.load16Lane, 0, offset).code.byte(0)
    }
    g.op(v128.extendLow8).op(v128.extendLow16)
    if (dtype === 'bool') g.op(i32x4.neg)
  }
}

/** Loads from anywhere, one for each lane. Addresses go first, so that they lie below the vector. */
export function pushLoadIntoLane(
  g: Generator,
  items: readonly Load[],
  indexIn: (g: Generator, e: Expr) => Polynomial,
): void {
  const offsets = items.map(() => 0)
  for (let lane = items.length - 1; lane >= 0; lane--) {
    const { buffer, index } = items[lane]!
    offsets[lane] = g.address(buffer, indexIn(g, index))
  }
  access(g, v128.load32Zero, 2, offsets[0]!)
  for (let lane = 1; lane < items.length; lane++) {
    access(g, v128.load32Lane, 2, offsets[lane]!).code.byte(lane)
  }
}

/** Writes a value; `push` pushes it once the address is on the stack. */
export function writeStore(
  g: Generator,
  buffer: string,
  index: Polynomial,
  lanes: number,
  push: () => void,
): void {
  const { dtype } = g.buffer(buffer)
  const offset = g.address(buffer, index)
  push()
  if (lanes === 1) access(g, scalars[dtype].store, scalars[dtype].align, offset)
  else if (isWide(dtype)) {
    if (lanes === 4) access(g, v128.store, 2, offset)
    else access(g, v128.store64Lane, 2, offset).code.byte(0)
  } else {
    narrow(g, dtype)
    access(g, lanes === 4 ? v128.store32Lane : v128.store16Lane, 0, offset).code.byte(0)
  }
}

/** The low byte of each lane, side by side in lane 0; a mask becomes 0 or 1. */
function narrow(g: Generator, dtype: StorageType): void {
  if (dtype === 'bool') g.op(i32x4.neg)
  g.withTemps(['v128'], (value) => {
    g.tee(value!)
    g.get(value!)
  })
  g.op(v128.shuffle).code.bytes([0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12])
}
