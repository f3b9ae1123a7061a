// A denoising autoencoder (Vincent et al., 2008): it sees digits under noise, and is to give back
// the clean ones. To tell ink from noise it must learn what digits look like.
//
// The training set's targets are the images themselves; `augment` changes the inputs alone, by
// other noise in each epoch. No bottleneck is needed: who merely copies would copy the noise.
//
// Look at the picture, runs/denoising-autoencoder.png: where noise has hidden a stroke, the network
// fills in the most likely one, sometimes of another digit.
//
// Expect:
//   noisy … error ≥ 0.1
//   repaired … error ≤ 0.03
import { mkdir, writeFile } from 'node:fs/promises'
import { data, manualSeed, nn, optim, plot, train } from 'brickwork'

const full = process.argv.includes('--full')
const sets = full ? await data.mnist() : await data.digits()
const [trainSet, test] = [sets.train.unlabelled(), sets.test.unlabelled()]
const pixels = full ? 784 : 64
const noise = data.transforms.gaussianNoise(0.4)

manualSeed(1)
const model = new nn.Sequential(
  new nn.Flatten(),
  new nn.Linear(pixels, 512),
  new nn.ReLU(),
  new nn.Linear(512, 512),
  new nn.ReLU(),
  new nn.Linear(512, pixels),
  new nn.Sigmoid(),
  new nn.Unflatten(1, trainSet.input.shape),
)
const epochs = full ? 10 : 60
await train.fit(model, trainSet, {
  loss: nn.mse,
  optimizer: optim.adam({ lr: 1e-3 }),
  schedule: optim.cosineAnnealingLR({ tMax: epochs }),
  epochs,
  batchSize: 64,
  augment: noise,
  progress: full ? 'lines' : 'none',
})

// The same digits under noise that the network has not met.
const noisyImages = data.transforms.apply(noise, test.inputs, { seed: 99 })
const noisy = new data.ArrayDataset({ name: 'noisy', inputs: noisyImages, targets: test.targets })
const before = await train.evaluate(new nn.Identity(), noisy, { loss: nn.mse })
const after = await train.evaluate(model, noisy, { loss: nn.mse })
console.log(`noisy digits:    error ${before.loss.toFixed(3)}`)
console.log(`repaired digits: error ${after.loss.toFixed(3)}`)

const repaired = await train.predict(model, noisy)
const picture = await plot.drawGallery([
  { title: 'what the network sees', images: plot.imagesOf(noisyImages).slice(0, 10) },
  { title: 'what it makes of it', images: plot.imagesOf(repaired).slice(0, 10) },
  { title: 'the digits under the noise', images: plot.imagesOf(test.inputs).slice(0, 10) },
])
await mkdir('runs', { recursive: true })
await writeFile('runs/denoising-autoencoder.png', picture)
console.log('picture: runs/denoising-autoencoder.png')
