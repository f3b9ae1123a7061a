import type { BackendName } from '../src/tensor/choose.ts'

/** The compiled backends that suites run on; native where a C compiler is at hand. */
export const deviceBackends: readonly BackendName[] = ['native', 'wasm']
export const allBackends: readonly BackendName[] = ['interpreter', ...deviceBackends]
