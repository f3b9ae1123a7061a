/**
 * LeNet's first epoch on MNIST, as a user would write it: `node epoch.js native|wasm THREADS`.
 * Prints what became of it as JSON.
 */
import {
  createBackend,
  data,
  metrics,
  models,
  nn,
  optim,
  train,
  useBackend,
} from '../../src/index.ts'

const [backend, threads] = process.argv.slice(2)
await useBackend(await createBackend(backend!, { threads: Number(threads) }))
const { train: images, test } = await data.mnist()
const run = await train.fit(new models.LeNet({ inputShape: [1, 28, 28], classes: 10 }), images, {
  validation: test,
  loss: nn.crossEntropy,
  optimizer: optim.adam({ lr: 1e-3 }),
  batchSize: 64,
  normalize: { mean: 0.1307, std: 0.3081 },
  metrics: [metrics.accuracy],
  progress: 'none',
})
const accuracy = run.history[0]!.validation!.metrics['accuracy']!
console.log(JSON.stringify({ accuracy }))
process.exit(0)
