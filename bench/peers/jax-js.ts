/** jax-js as a player, on WebAssembly: everything under jit, as its users do. */
import { classes, noise, parameterValues } from '../inputs.ts'
import { type Ready, Skip, serve, type Task, timeCalls } from '../players/serve.ts'
import type { Stopwatch } from '../statistics.ts'
import type { ModelSpec, OptimizerSpec, Spec } from '../workloads/workload.ts'
import { peerLibrary, peerVersion, type Untyped } from './library.ts'

const jax: Untyped = peerLibrary('@jax-js/jax')
const { numpy: np, lax, nn, jit, tree } = jax

/** Makes arrays, which the caller disposes of. Functions here own their arguments: what is used again is passed as `.ref`. */
type Call = () => Untyped[]

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

function input(shape: readonly number[], scale = 1, seed = 0): Untyped {
  return np.array(noise(sizeOf(shape), scale, seed)).reshape([...shape])
}

function gemm({ m, n, k }: Extract<Spec, { kind: 'gemm' }>): Call {
  const [a, b] = [input([m, k]), input([k, n], 1, 1)]
  const product = jit((x: Untyped, y: Untyped) => np.matmul(x, y))
  return () => [product(a.ref, b.ref)]
}

function convolution(spec: Extract<Spec, { kind: 'convolution' }>): Call {
  const { stride, padding, groups } = spec
  const pads = [
    [padding, padding],
    [padding, padding],
  ]
  const [x, w] = [input(spec.input), input(spec.weight, 0.1, 1)]
  const options = { featureGroupCount: groups }
  const forward = (a: Untyped, b: Untyped) =>
    lax.convGeneralDilated(a, b, [stride, stride], pads, options)
  const run = jit(forward)
  if (!spec.backward) return () => [run(x.ref, w.ref)]
  const y = run(x.ref, w.ref)
  const seed = input(y.shape, 1, 2)
  y.dispose()
  const both = jit((a: Untyped, b: Untyped, g: Untyped) => {
    const [out, pull] = jax.vjp(forward, [a, b])
    return [out, ...pull(g)]
  })
  return () => both(x.ref, w.ref, seed.ref)
}

function layerNorm(shape: readonly number[]): Call {
  const [weight, bias] = [input(shape.slice(1), 1, 1), input(shape.slice(1), 1, 2)]
  const run = jit((x: Untyped, w: Untyped, b: Untyped) =>
    nn.standardize(x, -1, { epsilon: 1e-5 }).mul(w).add(b),
  )
  const x = input(shape)
  return () => [run(x.ref, weight.ref, bias.ref)]
}

function batchNorm(shape: readonly number[]): Call {
  const channels = shape[1]!
  const one = [1, channels, 1, 1]
  const weight = np.array(parameterValues('weight', [channels], 0)).reshape(one)
  const bias = np.array(parameterValues('bias', [channels], 1)).reshape(one)
  const run = jit((x: Untyped, w: Untyped, b: Untyped) =>
    nn.standardize(x, [0, 2, 3], { epsilon: 1e-5 }).mul(w).add(b),
  )
  const x = input(shape)
  return () => [run(x.ref, weight.ref, bias.ref)]
}

function chain(x: Untyped): Untyped {
  const y = np.sqrt(np.abs(np.square(nn.relu(x.ref.mul(1.1).add(0.3))).sub(0.5)))
  const z = y.mul(x.ref).add(x)
  return np.minimum(np.maximum(z, -1), 1).neg()
}

function applied(shape: readonly number[], f: (x: Untyped) => Untyped): Call {
  const x = input(shape)
  const run = jit(f)
  return () => [run(x.ref)]
}

/** One layer: x and its parameters to y. */
interface Layer {
  readonly shapes: readonly (readonly [name: string, shape: readonly number[]])[]
  readonly apply: (x: Untyped, parameters: readonly Untyped[]) => Untyped
}

const linear = (from: number, to: number): Layer => ({
  shapes: [
    ['weight', [to, from]],
    ['bias', [to]],
  ],
  apply: (x, [w, b]) => np.matmul(x, w.transpose()).add(b),
})
const conv = (from: number, to: number, kernel: number): Layer => ({
  shapes: [
    ['weight', [to, from, kernel, kernel]],
    ['bias', [to]],
  ],
  apply: (x, [w, b]) => lax.convGeneralDilated(x, w, [1, 1], 'VALID').add(b.reshape([1, to, 1, 1])),
})
const plain = (apply: (x: Untyped) => Untyped): Layer => ({ shapes: [], apply })
const relu = plain((x) => nn.relu(x))
const pool = plain((x) => lax.reduceWindow(x, (w: Untyped) => np.max(w), [2, 2], [2, 2]))
const flatten = plain((x) => x.reshape([x.shape[0], -1]))

function layersOf(model: ModelSpec): Layer[] {
  if (model.name === 'mlp') {
    const layers = model.sizes.slice(1).map((size, i) => linear(model.sizes[i]!, size))
    return layers.flatMap((layer, i) => (i ? [relu, layer] : [layer]))
  }
  if (model.name !== 'lenet') throw new Skip(`${model.name} is not written for jax-js here`)
  const convolutions = [conv(1, 20, 5), relu, pool, conv(20, 50, 5), relu, pool]
  return [...convolutions, flatten, linear(800, 500), relu, linear(500, 10)]
}

/** New parameters and states from old ones and a gradient. */
interface Update {
  readonly states: (parameter: Untyped) => Untyped[]
  readonly apply: (p: Untyped, g: Untyped, states: Untyped[]) => [Untyped, Untyped[]]
}

const [beta1, beta2] = [0.9, 0.999]

function updateOf(spec: OptimizerSpec): Update {
  if (spec.name === 'sgd' && !spec.momentum) {
    return { states: () => [], apply: (p, g) => [p.sub(g.mul(spec.lr)), []] }
  }
  if (spec.name === 'sgd') {
    return {
      states: (p) => [np.zeros(p.shape)],
      apply: (p, g, [old]) => {
        const m = old.mul(spec.momentum).add(g)
        return [p.sub(m.ref.mul(spec.lr)), [m]]
      },
    }
  }
  return {
    // The last one is the number of steps so far.
    states: (p) => [np.zeros(p.shape), np.zeros(p.shape), np.zeros([])],
    apply: (p, g, [m0, v0, t0]) => {
      const t = t0.add(1)
      const m = m0.mul(beta1).add(g.ref.mul(1 - beta1))
      const v = v0.mul(beta2).add(np.square(g).mul(1 - beta2))
      const undo = (beta: number) =>
        np
          .exp(t.ref.mul(Math.log(beta)))
          .neg()
          .add(1)
      const mean = m.ref.div(undo(beta1))
      const scale = np.sqrt(v.ref.div(undo(beta2))).add(1e-8)
      return [p.sub(mean.div(scale).mul(spec.lr)), [m, v, t]]
    },
  }
}

function lossOf(layers: readonly Layer[]) {
  return (parameters: Untyped[], x: Untyped, targets: Untyped): Untyped => {
    let next = 0
    let y = x
    for (const { shapes, apply } of layers) {
      y = apply(y, parameters.slice(next, next + shapes.length))
      next += shapes.length
    }
    const scores = nn.logSoftmax(y, -1)
    return scores.mul(targets).sum(-1).mean().neg()
  }
}

function training(spec: Extract<Spec, { kind: 'training' }>): Call {
  const layers = layersOf(spec.model)
  const update = updateOf(spec.optimizer)
  let parameters: Untyped[] = layers
    .flatMap(({ shapes }) => shapes)
    .map(([name, shape], i) => np.array(parameterValues(name, shape, i)).reshape([...shape]))
  let states = parameters.map((p) => update.states(p))
  const x = input(spec.input)
  const labels = np.array(classes(spec.input[0]!, spec.classes), { dtype: np.int32 })
  const targets = nn.oneHot(labels, spec.classes)
  const withGradient = jax.valueAndGrad(lossOf(layers))
  const step = jit((ps: Untyped[], ss: Untyped[][], a: Untyped, b: Untyped) => {
    const [loss, gradients] = withGradient(
      ps.map((p) => p.ref),
      a,
      b,
    )
    const moved = ps.map((p, i) => update.apply(p, gradients[i], ss[i]!))
    return [loss, moved.map(([p]) => p), moved.map(([, s]) => s)]
  })
  return () => {
    const [loss, newParameters, newStates] = step(parameters, states, x.ref, targets.ref)
    parameters = newParameters
    states = newStates
    return [loss]
  }
}

function callOf(spec: Spec): Call {
  switch (spec.kind) {
    case 'gemm':
      return gemm(spec)
    case 'convolution':
      return convolution(spec)
    case 'softmax':
      return applied(spec.shape, (x) => nn.softmax(x, -1))
    case 'layerNorm':
      return layerNorm(spec.shape)
    case 'batchNorm':
      return batchNorm(spec.shape)
    case 'chain':
      return applied(spec.shape, chain)
    case 'sum':
      return applied(spec.shape, (x) => np.sum(x, spec.axis))
    case 'training':
      return training(spec)
    default:
      throw new Skip(`${spec.kind} is not written for jax-js here`)
  }
}

async function prepare({ spec, loaded }: Task, first: Stopwatch): Promise<Ready> {
  await first.count(async () => {
    await jax.init('wasm')
    jax.defaultDevice('wasm')
  })
  const call = callOf(spec)
  const compared = spec.kind === 'training' ? spec.steps : 0
  loaded()
  const kept: Untyped[] = []
  await first.count(async () => {
    kept.push(...call())
    await jax.blockUntilReady(kept)
  })
  while (kept.length < compared) kept.push(...call())
  if (!compared) tree.dispose(kept)
  let pending: Untyped[] = []
  const run = () => pending.push(...call())
  const settle = async () => {
    await jax.blockUntilReady(pending)
    tree.dispose(pending)
    pending = []
  }
  return {
    time: (least) => timeCalls(run, settle, least),
    results: () => Promise.all((compared ? kept : call()).map((a: Untyped) => a.data())),
  }
}

await serve({
  version: () => `jax-js ${peerVersion('@jax-js/jax')} (wasm, one thread in Node)`,
  prepare,
})
process.exit(0)
