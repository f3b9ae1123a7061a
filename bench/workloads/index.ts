import { convolutions } from './convolution.ts'
import { gemms } from './gemm.ts'
import { memoryBound } from './memory-bound.ts'
import { inferences, trainings } from './networks.ts'
import type { Workload } from './workload.ts'

/** All that is timed in one process after the other; `../epoch.ts` times a whole process. */
export const workloads: readonly Workload[] = [
  ...gemms,
  ...convolutions,
  ...memoryBound,
  ...trainings,
  ...inferences,
]
