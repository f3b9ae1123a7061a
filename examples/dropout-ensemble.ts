// Dropout as an ensemble (Gal and Ghahramani, 2015): a network that was trained with dropout is a
// crowd of thinned networks. Ask many of them, and average what they say.
//
// Each pass leaves out other hidden units, half of them. One thinned network is worse than the whole
// one. The average of many is about as often right, and with few examples to learn from, as here,
// it judges better how sure it can be: the log loss punishes confident mistakes.
//
// Look at the last column: the largest probability that pictures of pure noise get. To know nothing
// would be 10 % for each digit.
//
// Expect:
//   whole network ≥ 88.0 %
//   average of 1 ≥ 80.0 %
//   average of 50 ≥ 88.0 % ≤ 0.35
import { data, manualSeed, nn, optim, type Tensor, tensor, train } from 'brickwork'

const full = process.argv.includes('--full')
const { train: all, test } = full ? await data.mnist() : await data.digits()
const trainSet = full ? all : all.split([200, 1237], { stratified: true })[0]!
const pixels = full ? 784 : 64
const normalize = data.statistics(trainSet)

manualSeed(1)
const model = new nn.Sequential(
  new nn.Flatten(),
  new nn.Linear(pixels, 256),
  new nn.ReLU(),
  new nn.Dropout(0.5),
  new nn.Linear(256, 256),
  new nn.ReLU(),
  new nn.Dropout(0.5),
  new nn.Linear(256, 10),
)
await train.fit(model, trainSet, {
  loss: nn.crossEntropy,
  optimizer: optim.adam({ lr: 2e-3 }),
  epochs: full ? 10 : 60,
  batchSize: full ? 128 : 32,
  normalize,
  progress: full ? 'lines' : 'none',
})

// Pictures of noise: no network has seen any such thing.
const random = data.randomAt(1, 0, 0)
const pixel = () => (full ? random.integer(256) : random.uniform())
const inputs = { ...test.inputs, data: test.inputs.data.map(pixel) } as typeof test.inputs
const noise = new data.ArrayDataset({ name: 'noise', inputs, targets: test.targets })

async function judge(what: string, passes: { samples?: number }): Promise<void> {
  const probabilities = async (set: data.Dataset) => {
    const options = { normalize, output: (scores: Tensor) => scores.softmax(-1), ...passes }
    return tensor(await train.predict(model, set, options))
  }
  const p = await probabilities(test)
  const digits = tensor(test.targets)
  const right = 100 * (await p.argmax(1).eq(digits).to('f32').mean().item())
  const loss = await nn.nll(p.log(), digits).item()
  const sure = 100 * (await (await probabilities(noise)).max(1).mean().item())
  const columns = [`${right.toFixed(1)} %`, loss.toFixed(3), `${sure.toFixed(1)} %`]
  console.log(what.padEnd(16), columns.map((text) => text.padStart(10)).join(''))
}

console.log('                      right  log loss  sure of noise')
await judge('whole network', {})
for (const samples of [1, 2, 5, 50]) await judge(`average of ${samples}`, { samples })
