/**
 * Numbers that every contestant computes for itself, bit for bit the same in TypeScript and Python
 * (`peers/python/protocol.py`): a hash of the position and a seed, uniform in [−scale, scale).
 * Waves such as sin(i) would make matrices of rank 2, in which many mistakes cancel.
 */
export function noise(size: number, scale = 1, seed = 0): Float32Array {
  const out = new Float32Array(size)
  const start = Math.imul(seed + 1, 0x9e3779b1)
  for (let i = 0; i < size; i++) {
    let h = (i + start) | 0
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
    h ^= h >>> 16
    out[i] = ((h >>> 8) / 2 ** 23 - 1) * scale
  }
  return out
}

/** Targets of a batch. */
export function classes(n: number, count: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => (i * 7) % count)
}

/** Tokens of an alphabet. */
export function tokens(n: number, count: number): Int32Array {
  return Int32Array.from({ length: n }, (_, i) => (i * 11 + (i >> 3)) % count)
}

/**
 * The initial value of a network's i-th parameter: weights keep the variance through ReLUs (uniform
 * ± √(6 / fan-in)), biases are small, factors of normalisations near 1.
 */
export function parameterValues(name: string, shape: readonly number[], i: number): Float32Array {
  const size = shape.reduce((a, b) => a * b, 1)
  const seed = 1000 + i
  if (shape.length > 1) return noise(size, Math.sqrt(6 / (size / shape[0]!)), seed)
  const values = noise(size, 0.1, seed)
  return name.endsWith('bias') ? values : values.map((v) => v + 1)
}
