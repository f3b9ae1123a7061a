// A restricted Boltzmann machine (Smolensky, 1986) learns what digits look like: without labels,
// and without backpropagation, by contrastive divergence (Hinton, 2002).
//
// Weights join pixels v and hidden units h, both ways: p(h = 1 | v) = σ(v·W + c) and
// p(v = 1 | h) = σ(h·Wᵀ + b). What a weight learns, it sees at its two ends: how often both are on
// while the machine looks at digits, less how often they are on in what it imagines then. That
// lowers the energy of digits, and leaves more to what is none, such as their mirror images.
//
// Look at the picture, runs/rbm.png: the machine sees the upper halves of new digits, and goes back
// and forth between pixels and hidden units until it has imagined the rest.
//
// Expect:
//   less energy than their mirror images: ≥ 88.0 % of new digits
//   error of the imagined halves ≤ 0.065
import { mkdir, writeFile } from 'node:fs/promises'
import type { Tensor } from 'brickwork'
import { arange, compile, data, plot, rand, tensor, variable, where, zeros } from 'brickwork'

const full = process.argv.includes('--full')
const { train, test } = full ? await data.mnist() : await data.digits()
const [pixels, units, epochs] = full ? [784, 500, 20] : [64, 128, 60]
const W = variable(rand([pixels, units]).sub(0.5).mul(0.02))
const b = variable(zeros([pixels]))
const c = variable(zeros([units]))
const hiddenOf = (v: Tensor) => v.matmul(W).add(c).sigmoid()
const visibleOf = (h: Tensor) => h.matmul(W.transpose()).add(b).sigmoid()
const draw = (p: Tensor) => rand(p.shape).lt(p).to('f32')

const learn = compile((x: Tensor) => {
  const v = x.flatten(1)
  const h = hiddenOf(v)
  const v1 = visibleOf(draw(h))
  const h1 = hiddenOf(v1)
  const both = v.transpose().matmul(h).sub(v1.transpose().matmul(h1)).div(v.shape[0]!)
  W.assign(W.add(both.sub(W.mul(2e-4)).mul(0.1)))
  b.assign(b.add(v.sub(v1).mean(0).mul(0.1)))
  c.assign(c.add(h.sub(h1).mean(0).mul(0.1)))
  return v.sub(v1).square().mean()
})
const loader = new data.DataLoader(train, { batchSize: 32, shuffle: true, dropLast: true })
for (let epoch = 1; epoch <= epochs; epoch++) {
  let error = 0
  for await (const [x] of loader) error += (await learn(tensor(x)).item()) / loader.length
  if (epoch % (epochs / 5) === 0) console.log(`epoch ${epoch}: error ${error.toFixed(3)}`)
}

/** Of pixels, whatever the hidden units do: −log Σ_h e^(v·b + h·c + v·W·h). */
const energy = (v: Tensor) => v.mul(b).sum(1).add(v.matmul(W).add(c).exp().log1p().sum(1)).neg()
const images = tensor(test.unlabelled().inputs)
const [digits, mirrored] = [images.flatten(1), images.flip(3).flatten(1)]
const isLess = energy(digits).lt(energy(mirrored)).to('f32')
const share = (100 * (await isLess.mean().item())).toFixed(1)
console.log(`less energy than their mirror images: ${share} % of new digits`)

const withHalf = (lower: Tensor | number) => where(arange(pixels).lt(pixels / 2), digits, lower)
const goOn = compile((v: Tensor) => withHalf(visibleOf(draw(hiddenOf(v)))))
let [v, imagined] = [withHalf(0), zeros(digits.shape)]
for (let round = 0; round < 200; round++) {
  v = goOn(v)
  if (round >= 100) imagined = imagined.add(v.div(100))
}
const errorOf = async (x: Tensor) => (2 * (await x.sub(digits).square().mean().item())).toFixed(3)
const [own, mean] = [await errorOf(imagined), await errorOf(withHalf(digits.mean(0)))]
console.log(`error of the imagined halves ${own}, of the mean digit ${mean} · runs/rbm.png`)

const sections = []
for (const [title, x] of Object.entries({ seen: withHalf(0), imagined, 'what it was': digits })) {
  const all = plot.imagesOf(await x.reshape(images.shape).arrayView())
  sections.push({ title, images: all.slice(0, 10) })
}
await mkdir('runs', { recursive: true })
await writeFile('runs/rbm.png', await plot.drawGallery(sections))
