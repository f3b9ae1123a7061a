/** Optimisers: what changes parameters by their gradients. */
export * from './adam.ts'
export { type Gradients, Optimizer, type OptimizerFactory, type Parameters } from './optimizer.ts'
export * from './sgd.ts'
