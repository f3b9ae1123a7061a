// A variational autoencoder (Kingma and Welling, 2013) draws digits that nobody has written.
//
// The encoder says where in a plane an image lies: not a point, but a normal distribution. The
// decoder draws an image for each point z. What grows is the evidence lower bound
//
//   ELBO = E[log p(image | z)] − KL(q(z | image) ‖ N(0, 1)):
//
// how well images come back, less how far their places are from the standard normal distribution.
// This leaves no gaps in the plane: between two digits there are digits.
//
// Look at the picture, runs/vae.png: what the decoder draws all over the plane.
//
// Expect:
//   epoch 80: ELBO ≥ −26.0
import { mkdir, writeFile } from 'node:fs/promises'
import { compile, data, grad, manualSeed, nn, optim, plot, type Tensor, tensor } from 'brickwork'

const full = process.argv.includes('--full')
const { train } = full ? await data.mnist() : await data.digits()
const [pixels, hidden, epochs] = full ? [784, 512, 40] : [64, 256, 80]

function mlp(from: number, to: number): nn.Sequential {
  const [first, last] = [new nn.Linear(from, hidden), new nn.Linear(hidden, to)]
  return new nn.Sequential(first, new nn.ReLU(), new nn.Linear(hidden, hidden), new nn.ReLU(), last)
}
manualSeed(1)
const encoder = mlp(pixels, 4)
const decoder = mlp(2, pixels)

/** Both parts of the ELBO, per image. */
function elbo(x: Tensor) {
  const code = encoder.forward(x.flatten(1))
  const [mean, logVar] = [code.slice([], [0, 2]), code.slice([], [2, 4])] as const
  const logits = decoder.forward(nn.reparameterize(mean, logVar))
  const likelihood = nn.bernoulliLogLikelihood(x.flatten(1), logits).div(x.shape[0]!)
  return { likelihood, kl: nn.gaussianKl(mean, logVar).div(x.shape[0]!) }
}

const parameters = [...encoder.parameters(), ...decoder.parameters()]
const optimizer = new optim.Adam(parameters, { lr: 1e-3 })
const step = compile((x: Tensor) => {
  const parts = elbo(x)
  optimizer.step(grad(parts.kl.sub(parts.likelihood), parameters))
  return parts
})

const loader = new data.DataLoader(train, { batchSize: 64, shuffle: true, dropLast: true })
for (let epoch = 1; epoch <= epochs; epoch++) {
  let [likelihood, kl] = [0, 0]
  for await (const [x] of loader) {
    const parts = step(tensor(x))
    likelihood += (await parts.likelihood.item()) / loader.length
    kl += (await parts.kl.item()) / loader.length
  }
  if (epoch % (epochs / 8) > 0) continue
  const parts = `log p(image | z) ${likelihood.toFixed(1)} − KL ${kl.toFixed(1)}`
  console.log(`epoch ${epoch}: ELBO ${(likelihood - kl).toFixed(1)} = ${parts}`)
}

const places = Array.from({ length: 12 }, (_, i) => (i - 5.5) / 2.75)
const plane = tensor(places.flatMap((y) => places.map((x) => [x, y])))
const drawn = decoder.forward(plane).sigmoid()
const views = await drawn.reshape([plane.shape[0]!, ...train.input.shape]).arrayView()
const section = { title: 'the plane', images: plot.imagesOf(views) }
await mkdir('runs', { recursive: true })
await writeFile('runs/vae.png', await plot.drawGallery([section], { columns: 12, size: 48 }))
console.log('picture: runs/vae.png')
