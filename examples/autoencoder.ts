// An autoencoder (Hinton and Salakhutdinov, 2006): a network that learns to copy digits through a
// bottleneck of 8 numbers. Nobody tells it what they mean: it finds out what digits have in common.
//
// A linear autoencoder learns to project on 8 principal components: no better straight code exists.
// The other one has hidden layers before and behind the bottleneck, and can bend its code.
//
// Look at the picture, runs/autoencoder.png: digits from the test set, and what each of the two
// makes of its 8 numbers.
//
// Expect:
//   mean image … error ≥ 0.06
//   linear … error ≤ 0.03
//   deep … error ≤ 0.02
import { mkdir, writeFile } from 'node:fs/promises'
import { data, manualSeed, nn, optim, plot, tensor, train } from 'brickwork'

const full = process.argv.includes('--full')
const sets = full ? await data.mnist() : await data.digits()
const [trainSet, test] = [sets.train.unlabelled(), sets.test.unlabelled()]
const shape = trainSet.input.shape
const pixels = full ? 784 : 64
const hidden = full ? 512 : 256
const code = 8

const linear = () => [new nn.Linear(pixels, code), new nn.Linear(code, pixels)]
const deep = () => [
  new nn.Linear(pixels, hidden),
  new nn.ReLU(),
  new nn.Linear(hidden, code),
  new nn.Linear(code, hidden),
  new nn.ReLU(),
  new nn.Linear(hidden, pixels),
  new nn.Sigmoid(),
]

const images = tensor(test.inputs)
const spread = await images.sub(images.mean(0)).square().mean().item()
console.log(`mean image for all: error ${spread.toFixed(4)}`)

const sections = [{ title: 'digits', images: plot.imagesOf(test.inputs).slice(0, 10) }]
for (const [name, layers] of Object.entries({ linear, deep })) {
  manualSeed(1)
  const model = new nn.Sequential(new nn.Flatten(), ...layers(), new nn.Unflatten(1, shape))
  await train.fit(model, trainSet, {
    loss: nn.mse,
    optimizer: optim.adam({ lr: 2e-3 }),
    schedule: optim.cosineAnnealingLR({ tMax: full ? 10 : 60 }),
    epochs: full ? 10 : 60,
    batchSize: 64,
    progress: full ? 'lines' : 'none',
  })
  const { loss } = await train.evaluate(model, test, { loss: nn.mse })
  console.log(`${name}, by ${code} numbers: error ${loss.toFixed(4)}`)
  const copies = await train.predict(model, test)
  sections.push({
    title: `${name}: from 8 numbers`,
    images: plot.imagesOf(copies).slice(0, 10),
  })
}

await mkdir('runs', { recursive: true })
await writeFile('runs/autoencoder.png', await plot.drawGallery(sections))
console.log('picture: runs/autoencoder.png')
