import { afterAll, expect, test } from 'vitest'
import { mnist } from '../src/data/mnist.ts'
import { LeNet } from '../src/models/models.ts'
import { crossEntropy } from '../src/nn/losses/cross-entropy.ts'
import { adam } from '../src/optim/adam.ts'
import { currentBackend } from '../src/tensor/engine.ts'
import { manualSeed } from '../src/tensor/random.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import { accuracy } from '../src/train/metrics.ts'
import { dataFile } from './data-folder.ts'

const { missing, note } = dataFile('mnist/train-images-idx3-ubyte.gz')
afterAll(async () => (await currentBackend()).close())

test.skipIf(missing)(`LeNet on MNIST: at least 98.5 % after one epoch${note}`, async () => {
  const { train, test: unseen } = await mnist()
  manualSeed(1)
  const run = await trainModel(new LeNet({ inputShape: [1, 28, 28], classes: 10 }), train, {
    validation: unseen,
    loss: crossEntropy,
    optimizer: adam({ lr: 1e-3 }),
    batchSize: 64,
    metrics: [accuracy],
    progress: 'none',
  })
  expect(run.history[0]!.validation!.metrics['accuracy']).toBeGreaterThanOrEqual(0.985)
})
