// Multilayer perceptrons on handwritten digits: a wide one and a narrow one, each with one hidden
// layer. With --full they are 784-1568-10 and 784-10-10 on MNIST; else 64-128-10 and 64-10-10 on
// the small digits of the package.
//
// A hidden layer of 1568 units has room for many features, one of 10 must do with few: compare how
// many weights they have, and how often they are right.
//
// Look at the pictures, runs/mlp-wide.png and runs/mlp-narrow.png: what a network gets wrong is
// often what you would have to look at twice.
//
// Expect:
//   wide … right ≥ 93.0 %
//   narrow … right ≥ 90.0 %
import { mkdir, writeFile } from 'node:fs/promises'
import { data, manualSeed, metrics, nn, optim, train } from 'brickwork'

const full = process.argv.includes('--full')
const { train: trainSet, test } = full ? await data.mnist() : await data.digits()
const [pixels, epochs] = full ? [784, 10] : [64, 30]
const normalize = data.statistics(trainSet)
await mkdir('runs', { recursive: true })

for (const [name, hidden] of [
  ['wide', 2 * pixels],
  ['narrow', 10],
] as const) {
  manualSeed(1)
  const model = new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(pixels, hidden),
    new nn.ReLU(),
    new nn.Linear(hidden, 10),
  )
  await train.fit(model, trainSet, {
    loss: nn.crossEntropy,
    optimizer: optim.sgd({ lr: 0.02, momentum: 0.9 }),
    schedule: optim.cosineAnnealingLR({ tMax: epochs }),
    epochs,
    batchSize: 64,
    normalize,
    progress: full ? 'lines' : 'none',
  })
  const { metrics: found } = await train.evaluate(model, test, {
    normalize,
    metrics: [metrics.accuracy],
  })
  const scores = await train.predict(model, test, { normalize })
  await writeFile(`runs/mlp-${name}.png`, await train.predictionGallery(test, scores))

  const weights = model.parameters().reduce((sum, { size }) => sum + size, 0)
  const right = (100 * Number(found['accuracy'])).toFixed(1)
  const sizes = `${pixels}-${hidden}-10`
  console.log(`${name} (${sizes}): ${weights} weights, right ${right} % · runs/mlp-${name}.png`)
}
