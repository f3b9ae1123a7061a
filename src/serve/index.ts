/** `brickwork/serve`: models over HTTP. It needs Node, so the main entry leaves it out. */
export { type ClassifierOptions, servableClassifier } from './classifier-servable.ts'
export { type ServableOptions, servableOf } from './model-servable.ts'
export type { ServeOptions } from './options.ts'
export type { ImageSide, OpenServable, Servable, TensorMeta } from './servable.ts'
export { type Server, serve } from './serve.ts'
