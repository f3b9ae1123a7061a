/** TensorFlow.js as a player, with its WebAssembly backend: eager, NHWC as it wants it. */
import { dirname } from 'node:path'
import { classes, noise, parameterValues } from '../inputs.ts'
import { type Ready, Skip, serve, type Task, timeCalls } from '../players/serve.ts'
import type { Stopwatch } from '../statistics.ts'
import type { ModelSpec, OptimizerSpec, Spec } from '../workloads/workload.ts'
import { peerLibrary, peerPath, peerVersion, type Untyped } from './library.ts'

const tf: Untyped = peerLibrary('@tensorflow/tfjs')
const wasm: Untyped = peerLibrary('@tensorflow/tfjs-backend-wasm')

interface Job {
  /** Tensors that the caller disposes of. */
  readonly call: () => Untyped[]
  /** Elements in the others' order. */
  readonly values?: (t: Untyped) => ArrayLike<number>
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

function input(shape: readonly number[], scale = 1, seed = 0): Untyped {
  return tf.tensor(noise(sizeOf(shape), scale, seed), shape, 'float32')
}

/** The tensor with its axes in another order, and nothing left over. */
function permuted(t: Untyped, axes: readonly number[]): Untyped {
  const out = tf.transpose(t, axes)
  t.dispose()
  return out
}
const channelsLast = (t: Untyped) => permuted(t, [0, 2, 3, 1])
/** Filters [K, C, R, S] as [R, S, C, K]. */
const filtersLast = (t: Untyped) => permuted(t, [2, 3, 1, 0])

function gemm({ m, n, k }: Extract<Spec, { kind: 'gemm' }>): Job {
  const [a, b] = [input([m, k]), input([k, n], 1, 1)]
  return { call: () => [tf.matMul(a, b)] }
}

function convolution(spec: Extract<Spec, { kind: 'convolution' }>): Job {
  const { stride, padding, groups } = spec
  const x = channelsLast(input(spec.input))
  const isDepthwise = groups > 1
  // A depthwise filter is [R, S, C, 1].
  const w = isDepthwise
    ? permuted(input(spec.weight, 0.1, 1), [2, 3, 0, 1])
    : filtersLast(input(spec.weight, 0.1, 1))
  const convolve = isDepthwise ? tf.depthwiseConv2d : tf.conv2d
  const forward = (a: Untyped, b: Untyped) => convolve(a, b, stride, padding)
  const values = (t: Untyped) => tf.tidy(() => tf.transpose(t, [0, 3, 1, 2]).dataSync())
  if (!spec.backward) return { call: () => [forward(x, w)], values }
  const seed = tf.tidy(() => {
    const [n, h, v, k] = forward(x, w).shape
    return tf.transpose(input([n, k, h, v], 1, 2), [0, 2, 3, 1])
  })
  const both = tf.valueAndGrads(forward)
  const run = () => {
    const { value, grads } = both([x, w], seed)
    return [value, ...grads]
  }
  return { call: run, values }
}

function standardized(x: Untyped, axes: readonly number[]): Untyped {
  const { mean, variance } = tf.moments(x, axes, true)
  return x.sub(mean).div(variance.add(1e-5).sqrt())
}

function layerNorm(shape: readonly number[]): Job {
  const x = input(shape)
  const [weight, bias] = [input(shape.slice(1), 1, 1), input(shape.slice(1), 1, 2)]
  return { call: () => [tf.tidy(() => standardized(x, [1]).mul(weight).add(bias))] }
}

function batchNorm(shape: readonly number[]): Job {
  const x = channelsLast(input(shape))
  const channels = shape[1]!
  const weight = tf.tensor(parameterValues('weight', [channels], 0))
  const bias = tf.tensor(parameterValues('bias', [channels], 1))
  return {
    call: () => [
      tf.tidy(() => {
        const { mean, variance } = tf.moments(x, [0, 1, 2])
        return tf.batchNorm(x, mean, variance, bias, weight, 1e-5)
      }),
    ],
    values: (t) => tf.tidy(() => tf.transpose(t, [0, 3, 1, 2]).dataSync()),
  }
}

const chain = (x: Untyped): Untyped =>
  tf.tidy(() =>
    x
      .mul(1.1)
      .add(0.3)
      .relu()
      .square()
      .sub(0.5)
      .abs()
      .sqrt()
      .mul(x)
      .add(x)
      .maximum(-1)
      .minimum(1)
      .neg(),
  )

function applied(shape: readonly number[], f: (x: Untyped) => Untyped): Job {
  const x = input(shape)
  return { call: () => [f(x)] }
}

type Layer = (x: Untyped) => Untyped

/** Parameters in the others' order, as variables in tfjs' layout. */
class Parameters {
  readonly variables: Untyped[] = []

  make(name: string, shape: readonly number[], axes?: readonly number[]): Untyped {
    const values = parameterValues(name, shape, this.variables.length)
    const t = tf.tensor(values, shape, 'float32')
    const variable = tf.variable(axes ? permuted(t, axes) : t)
    this.variables.push(variable)
    return variable
  }

  linear(from: number, to: number): Layer {
    const w = this.make('weight', [to, from], [1, 0])
    const b = this.make('bias', [to])
    return (x) => x.matMul(w).add(b)
  }

  conv(from: number, to: number, kernel: number): Layer {
    const w = this.make('weight', [to, from, kernel, kernel], [2, 3, 1, 0])
    const b = this.make('bias', [to])
    return (x) => tf.conv2d(x, w, 1, 'valid').add(b)
  }
}

const relu: Layer = (x) => x.relu()
const pool: Layer = (x) => tf.maxPool(x, 2, 2, 'valid')
/** Flattens as [N, C, H, W], so that the next layer's weights are the others'. */
const flatten: Layer = (x) => tf.transpose(x, [0, 3, 1, 2]).reshape([x.shape[0], -1])

function layersOf(model: ModelSpec, p: Parameters): Layer[] {
  if (model.name === 'mlp') {
    const layers = model.sizes.slice(1).map((size, i) => p.linear(model.sizes[i]!, size))
    return layers.flatMap((layer, i) => (i ? [relu, layer] : [layer]))
  }
  if (model.name !== 'lenet') throw new Skip(`${model.name} is not written for tfjs here`)
  const convolutions = [p.conv(1, 20, 5), relu, pool, p.conv(20, 50, 5), relu, pool]
  return [...convolutions, flatten, p.linear(800, 500), relu, p.linear(500, 10)]
}

function optimizerOf(spec: OptimizerSpec): Untyped {
  if (spec.name === 'adam') return tf.train.adam(spec.lr, 0.9, 0.999, 1e-8)
  return spec.momentum ? tf.train.momentum(spec.lr, spec.momentum) : tf.train.sgd(spec.lr)
}

function training(spec: Extract<Spec, { kind: 'training' }>): Job {
  const p = new Parameters()
  const layers = layersOf(spec.model, p)
  const optimizer = optimizerOf(spec.optimizer)
  const x = spec.input.length === 4 ? channelsLast(input(spec.input)) : input(spec.input)
  const labels = tf.tensor1d(classes(spec.input[0]!, spec.classes), 'int32')
  const targets = tf.oneHot(labels, spec.classes)
  const loss = () =>
    tf.losses.softmaxCrossEntropy(
      targets,
      layers.reduce((y, layer) => layer(y), x),
    )
  return { call: () => [optimizer.minimize(loss, true, p.variables)] }
}

function jobOf(spec: Spec): Job {
  switch (spec.kind) {
    case 'gemm':
      return gemm(spec)
    case 'convolution':
      return convolution(spec)
    case 'softmax':
      return applied(spec.shape, (x) => tf.softmax(x))
    case 'layerNorm':
      return layerNorm(spec.shape)
    case 'batchNorm':
      return batchNorm(spec.shape)
    case 'chain':
      return applied(spec.shape, chain)
    case 'sum':
      return applied(spec.shape, (x) => tf.sum(x, spec.axis))
    case 'training':
      return training(spec)
    default:
      throw new Skip(`${spec.kind} is not written for tfjs here`)
  }
}

async function prepare({ spec, loaded }: Task, first: Stopwatch): Promise<Ready> {
  await first.count(async () => {
    wasm.setWasmPaths(`${dirname(peerPath('@tensorflow/tfjs-backend-wasm'))}/`)
    await tf.setBackend('wasm')
    await tf.ready()
  })
  const { call, values = (t: Untyped) => t.dataSync() } = jobOf(spec)
  const compared = spec.kind === 'training' ? spec.steps : 0
  loaded()
  const kept: Untyped[] = []
  const run = () => tf.dispose(call())
  await first.count(() => {
    try {
      kept.push(...call())
    } catch (cause) {
      throw asSkip(cause)
    }
  })
  while (kept.length < compared) kept.push(...call())
  if (!compared) tf.dispose(kept)
  return {
    // Each operation is complete when it returns.
    time: (least) => timeCalls(run, () => {}, least),
    results: async () => (compared ? kept : call()).map(values),
  }
}

/** What a backend without a kernel throws, as a reason. */
function asSkip(cause: unknown): unknown {
  const text = cause instanceof Error ? cause.message : String(cause)
  const missing = /Kernel '(\w+)' not registered/.exec(text)
  return missing ? new Skip(`its wasm backend has no ${missing[1]}`) : cause
}

await serve({
  version: () => `TensorFlow.js ${peerVersion('@tensorflow/tfjs')} (wasm, one thread in Node)`,
  prepare,
})
process.exit(0)
