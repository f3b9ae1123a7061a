import type { HNSW } from 'hnsw'
import type { ArrayView } from '../base/array.ts'
import { BrickError } from '../base/errors.ts'

/** How far apart two vectors are: √Σ (a − b)², or 1 − a·b / (|a| |b|). */
export type Metric = 'euclidean' | 'cosine'

/** A vector that is near another. */
export interface Neighbour {
  /** Its number. */
  readonly index: number
  readonly distance: number
}

/** Up to so many vectors, all are compared; among more, the search is approximate. */
const EXACT = 50_000
/** Of the approximate search: links of a vector, and candidates while it is built and searched. */
const LINKS = 16
const CANDIDATES = 100

export interface NeighbourOptions {
  readonly metric?: Metric
  /** Vectors up to which the search is exact (default 50,000). */
  readonly exact?: number
}

/**
 * The vectors nearest to others, among many.
 *
 * Source of the approximate search: Malkov and Yashunin, “Efficient and robust approximate nearest
 * neighbor search using hierarchical navigable small world graphs”, 2016; by the package hnsw.
 */
export interface NeighbourIndex {
  /** The nearest of all vectors, the nearest first. */
  nearest(query: Float32Array, count: number): Neighbour[]
  /** Whether all vectors are compared. */
  readonly isExact: boolean
}

/**
 * Prepares vectors [n, d] for {@link NeighbourIndex}.
 *
 * @throws BrickError `shape` for what is no list of vectors, `argument` for another metric.
 */
export async function neighbourIndex(
  { shape, data }: ArrayView<'f32'>,
  { metric = 'euclidean', exact = EXACT }: NeighbourOptions = {},
): Promise<NeighbourIndex> {
  const [n = 0, d = 0] = shape
  if (shape.length !== 2) {
    const wanted = 'vectors [n, features]'
    throw new BrickError({ kind: 'shape', where: 'neighbourIndex', wanted, got: `[${shape}]` })
  }
  if (!Object.hasOwn(distances, metric)) {
    const wanted = Object.keys(distances).join(' or ')
    throw new BrickError({ kind: 'argument', where: 'metric', wanted, got: `'${metric}'` })
  }
  const vectorAt = (i: number) => data.subarray(i * d, (i + 1) * d)
  const distance = distances[metric]
  const ranked = (query: Float32Array, among: Iterable<number>, count: number) =>
    Array.from(among, (index) => ({ index, distance: distance(query, vectorAt(index)) }))
      .sort((a, b) => a.distance - b.distance || a.index - b.index)
      .slice(0, count)
  if (n <= exact) {
    const all = Array.from({ length: n }, (_, i) => i)
    return { isExact: true, nearest: (query, count) => ranked(query, all, count) }
  }
  const graph = await graphOf(n, d, metric, vectorAt)
  return {
    isExact: false,
    nearest(query, count) {
      const options = { efSearch: Math.max(CANDIDATES, 2 * count) }
      const found = graph.searchKNN(query, count, options).map(({ id }) => id)
      return ranked(query, found, count)
    },
  }
}

async function graphOf(
  n: number,
  d: number,
  metric: Metric,
  vectorAt: (i: number) => Float32Array,
): Promise<HNSW> {
  const { HNSW } = await import('hnsw')
  const graph = new HNSW(LINKS, CANDIDATES, d, metric, CANDIDATES)
  await graph.buildIndex(Array.from({ length: n }, (_, id) => ({ id, vector: vectorAt(id) })))
  return graph
}

function euclideanDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return Math.sqrt(sum)
}

/** Vectors of length 0 are as far from all as those at a right angle. */
function cosineDistance(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  return 1 - (aa * bb === 0 ? 0 : dot / Math.sqrt(aa * bb))
}

const distances: Readonly<Record<Metric, (a: Float32Array, b: Float32Array) => number>> = {
  euclidean: euclideanDistance,
  cosine: cosineDistance,
}
