/** Optimisers: what changes parameters by their gradients. */
export * from './adagrad.ts'
export {
  Adam,
  type AdamOptions,
  AdamW,
  adam,
  adamw,
} from './adam.ts'
export * from './adam-relatives.ts'
export { type Gradients, Optimizer, type OptimizerFactory, type Parameters } from './optimizer.ts'
export * from './rmsprop.ts'
export * from './sgd.ts'
