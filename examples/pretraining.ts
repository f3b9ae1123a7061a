// Greedy layer-wise pre-training (Hinton et al., 2006; Bengio et al., 2007): a deep network that
// hardly learns from a random start, and at once from a start that it has found without labels.
//
// The derivative of a sigmoid is at most ¼, so a gradient that passes five of them is next to
// nothing: the lower layers hardly hear what was wrong. Pre-training takes them one by one. Each is
// the encoder of an autoencoder that gives back what the layer below it says; the decoder is thrown
// away. When the labels come, the network begins with features instead of noise. (Since then ReLU,
// better initial weights and normalisation have done the same more simply.)
//
// Look at the two last lines: the same network, examples, optimiser and number of steps.
//
// Expect:
//   layer 5 … error ≤ 0.02
//   random start: right ≤ 20.0 % after 1 epoch, right ≤ 50.0 % after 20
//   pre-trained: right ≥ 85.0 % after 1 epoch, right ≥ 92.0 % after 20
import { data, manualSeed, metrics, nn, optim, train } from 'brickwork'

const full = process.argv.includes('--full')
const { train: trainSet, test } = full ? await data.mnist() : await data.digits()
const widths = full ? [784, 400, 200, 100, 50, 50] : [64, 64, 64, 64, 64, 64]
const batchSize = full ? 128 : 32

/** Five layers with random weights; a network of them, and a layer for the ten classes. */
function layersAtRandom(): nn.Linear[] {
  manualSeed(1)
  return widths.slice(1).map((width, i) => new nn.Linear(widths[i]!, width))
}
function networkOf(layers: nn.Linear[]): nn.Sequential {
  const hidden = layers.flatMap((layer) => [layer, new nn.Sigmoid()])
  return new nn.Sequential(new nn.Flatten(), ...hidden, new nn.Linear(widths.at(-1)!, 10))
}

const layers = layersAtRandom()
let codes = await train.predict(new nn.Flatten(), trainSet)
for (const [i, layer] of layers.entries()) {
  const set = new data.ArrayDataset({ name: `codes ${i}`, inputs: codes, targets: codes })
  const encoder = new nn.Sequential(layer, new nn.Sigmoid())
  const decoder = new nn.Sequential(new nn.Linear(widths[i + 1]!, widths[i]!), new nn.Sigmoid())
  const { history } = await train.fit(new nn.Sequential(encoder, decoder), set, {
    loss: nn.mse,
    optimizer: optim.adam({ lr: 3e-3 }),
    epochs: full ? 5 : 40,
    batchSize,
    progress: 'none',
  })
  codes = await train.predict(encoder, set)
  console.log(`layer ${i + 1}, without labels: error ${history.at(-1)!.train.loss.toFixed(4)}`)
}

const starts = { 'random start': layersAtRandom(), 'pre-trained': layers }
for (const [name, start] of Object.entries(starts)) {
  const { history } = await train.fit(networkOf(start), trainSet, {
    validation: test,
    loss: nn.crossEntropy,
    optimizer: optim.sgd({ lr: 0.1, momentum: 0.9 }),
    epochs: full ? 10 : 20,
    batchSize,
    metrics: [metrics.accuracy],
    progress: 'none',
  })
  const rights = history.map((epoch) => 100 * epoch.validation!.metrics['accuracy']!)
  const [first, last] = [rights[0]!.toFixed(1), rights.at(-1)!.toFixed(1)]
  console.log(`${name}: right ${first} % after 1 epoch, right ${last} % after ${rights.length}`)
}
