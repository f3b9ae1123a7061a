import { compile, type Tensor } from '../../src/index.ts'
import { input } from './input.ts'
import type { Workload } from './workload.ts'

function gemm(m: number, n: number, k: number): Workload {
  const isSquare = m === n && n === k
  return {
    name: isSquare ? `GEMM ${m}` : `GEMM ${m}×${n}×${k}`,
    spec: { kind: 'gemm', m, n, k },
    flops: 2 * m * n * k,
    // A product with one row reads the matrix once and has nothing to reuse.
    bytes: m === 1 ? 4 * (k + k * n + n) : 0,
    onlyReads: m === 1,
    tolerance: 1e-4,
    prepare() {
      const [a, b] = [input([m, k]), input([k, n], 1, 1)]
      const product = compile((x: Tensor, y: Tensor) => x.matmul(y))
      return { call: () => product(a, b) }
    },
  }
}

/** [m, k] · [k, n]; named m × n × k where these differ. */
export const gemms: readonly Workload[] = [
  ...[64, 128, 250, 255, 256, 512, 1000, 1024, 2048].map((n) => gemm(n, n, n)),
  gemm(1000, 10, 784),
  gemm(1, 4096, 4096),
]
