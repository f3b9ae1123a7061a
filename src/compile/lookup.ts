import { sizeOf } from '../base/shape.ts'
import { make } from '../graph/make.ts'
import type { Node } from '../graph/node.ts'

/**
 * Products with rows that were looked up in a table, an embedding before a linear layer: the few rows
 * of the table are multiplied, not the many that were looked up. Backward, what belongs to the same row
 * is added up before it is multiplied.
 */

/** Rows looked up, at least, for each row of the table. */
const REPEATS = 2

interface Lookup {
  /** [entries, width] */
  readonly table: Node
  /** Which row each is, i32 [rows, 1]. */
  readonly index: Node
}

/** A node that is rows of a table, seen as […rows, width]. */
function lookupOf(node: Node): Lookup | undefined {
  const rows = node.is('reshape') ? node.inputs[0]! : node
  if (!rows.is('gather') || rows.attrs.axis !== 0 || rows.shape.length !== 2) return undefined
  const [table, positions] = rows.inputs as [Node, Node]
  const index = columnOf(positions)
  const fits = index && node.shape.at(-1) === rows.shape[1]
  return fits && isWorthIt(index, table) ? { table, index } : undefined
}

/** Positions that are the same all along a row, as a column. */
function columnOf(positions: Node): Node | undefined {
  const column = positions.is('expand') ? positions.inputs[0] : undefined
  return column?.shape.length === 2 && column.shape[1] === 1 ? column : undefined
}

const isWorthIt = (index: Node, table: Node): boolean =>
  sizeOf(index.shape) >= REPEATS * table.shape[0]!

const repeated = (index: Node, width: number): Node =>
  make('expand', [index], { shape: [index.shape[0]!, width] })

/** Σ of the rows that belong to each entry: [rows, width] → [entries, width]. */
function collected(rows: Node, index: Node, entries: number): Node {
  const [, width] = rows.shape as [number, number]
  const zeros = make('constant', [], { value: 0, shape: [entries, width], dtype: 'f32' })
  return make('scatterAdd', [zeros, repeated(index, width), rows], { axis: 0 })
}

type Labels = readonly number[]

/** A factor of a product with its labels, and the other one. */
interface Factors {
  readonly mine: Node
  readonly own: Labels
  readonly other: Node
  readonly theirs: Labels
}

function factorsOf({ inputs, attrs }: Node<'contract'>): Factors[] {
  const [x, y] = inputs as [Node, Node]
  return [
    { mine: x, own: attrs.a, other: y, theirs: attrs.b },
    { mine: y, own: attrs.b, other: x, theirs: attrs.a },
  ]
}

/** A product with a factor that was looked up. */
export function productOfLookup(node: Node<'contract'>): Node | undefined {
  const { out } = node.attrs
  for (const factors of factorsOf(node)) {
    const lookup = lookupOf(factors.mine)
    if (!lookup) continue
    const { own, theirs } = factors
    const rows = own.slice(0, -1)
    const width = own.at(-1)!
    const within = theirs.includes(width) && !out.includes(width)
    if (within && rows.every((row) => out.includes(row) && !theirs.includes(row)))
      return lookedUpProduct(node, factors, lookup)
    const across = out.includes(width) && !theirs.includes(width)
    if (across && rows.every((row) => theirs.includes(row) && !out.includes(row)))
      return productOfCollected(node, factors, lookup)
  }
  return undefined
}

const freshLabel = (...lists: readonly Labels[]): number => Math.max(0, ...lists.flat()) + 1

const sizesOf = (node: Node, own: Labels, labels: Labels): number[] =>
  labels.map((label) => node.shape[own.indexOf(label)]!)

/** (table[index]) · x is (table · x)[index]. */
function lookedUpProduct(
  { attrs: { out } }: Node<'contract'>,
  { mine, own, other, theirs }: Factors,
  { table, index }: Lookup,
): Node {
  const rows = own.slice(0, -1)
  const kept = out.filter((label) => !rows.includes(label))
  const entry = freshLabel(own, theirs)
  const attrs = { a: [entry, own.at(-1)!], b: theirs, out: [entry, ...kept] }
  const product = make('contract', [table, other], attrs)
  const sizes = product.shape.slice(1)
  const flat = make('reshape', [product], { shape: [table.shape[0]!, sizeOf(sizes)] })
  const found = make('gather', [flat, repeated(index, sizeOf(sizes))], { axis: 0 })
  const shape = [...sizesOf(mine, own, rows), ...sizes]
  const apart = make('reshape', [found], { shape })
  const now = [...rows, ...kept]
  return make('permute', [apart], { order: out.map((label) => now.indexOf(label)) })
}

/** Σ over rows of table[index] ⊗ x is Σ over entries of table ⊗ Σ over their rows of x. */
function productOfCollected(
  { attrs: { out } }: Node<'contract'>,
  { own, other, theirs }: Factors,
  { table, index }: Lookup,
): Node {
  const rows = own.slice(0, -1)
  const kept = theirs.filter((label) => !rows.includes(label))
  const entry = freshLabel(own, theirs)
  const { sums, shape } = collectedFactor(other, theirs, rows, kept, index, table.shape[0]!)
  const apart = make('reshape', [sums], { shape: [table.shape[0]!, ...shape] })
  const attrs = { a: [entry, own.at(-1)!], b: [entry, ...kept], out }
  return make('contract', [table, apart], attrs)
}

/** A factor's rows collected by entry, its other axes in one. */
function collectedFactor(
  x: Node,
  labels: Labels,
  rows: Labels,
  kept: Labels,
  index: Node,
  entries: number,
): { sums: Node; shape: number[] } {
  const order = [...rows, ...kept].map((label) => labels.indexOf(label))
  const shape = sizesOf(x, labels, kept)
  const flat = make('reshape', [make('permute', [x], { order })], {
    shape: [index.shape[0]!, sizeOf(shape)],
  })
  return { sums: collected(flat, index, entries), shape }
}

/** What collects the rows of a product, as the product of what was collected. */
export function collectedProduct(node: Node<'scatterAdd'>): Node | undefined {
  const [base, positions, source] = node.inputs as [Node, Node, Node]
  const index = columnOf(positions)
  const product = source.is('reshape') ? source.inputs[0]! : source
  const isZero = base.is('constant') && base.attrs.value === 0
  if (!isZero || !index || node.attrs.axis !== 0 || !isWorthIt(index, base)) return undefined
  if (!product.is('contract') || product.shape.at(-1) !== node.shape[1]) return undefined
  const { out } = product.attrs
  const rows = out.slice(0, -1)
  const width = out.at(-1)!
  for (const { mine, own, other, theirs } of factorsOf(product)) {
    const summed = own.filter((label) => !rows.includes(label))
    const fits =
      rows.every((row) => own.includes(row) && !theirs.includes(row)) &&
      summed.every((label) => theirs.includes(label)) &&
      theirs.every((label) => label === width || summed.includes(label))
    if (!fits || own.includes(width)) continue
    const entry = freshLabel(own, theirs)
    const { sums, shape } = collectedFactor(mine, own, rows, summed, index, base.shape[0]!)
    const apart = make('reshape', [sums], { shape: [base.shape[0]!, ...shape] })
    const attrs = { a: [entry, ...summed], b: theirs, out: [entry, width] }
    return make('contract', [apart, other], attrs)
  }
  return undefined
}
