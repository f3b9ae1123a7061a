// A restricted Boltzmann machine (Smolensky, 1986) learns what digits look like: without labels,
// and without backpropagation, by contrastive divergence (Hinton, 2002; Tieleman, 2008).
//
// Weights join pixels v and hidden units h, both ways: p(h = 1 | v) = σ(v·W + c) and
// p(v = 1 | h) = σ(h·Wᵀ + b). What a weight learns, it sees at its two ends: how often both are on
// while the machine looks at digits, less how often they are on while it dreams. That lowers the
// energy of digits, and raises it of wrong dreams: mirror images of digits have more.
//
// Look at the picture, runs/rbm.png: the machine sees the upper halves of new digits, and goes back
// and forth between pixels and hidden units until it has imagined the rest.
//
// Expect:
//   less energy than their mirror images: ≥ 80.0 % of new digits
//   closer to the true half than to another: ≥ 65.0 %
import { mkdir, writeFile } from 'node:fs/promises'
import type { Tensor } from 'brickwork'
import { arange, compile, data, plot, rand, tensor, variable, where, zeros } from 'brickwork'

const full = process.argv.includes('--full')
const { train, test } = full ? await data.mnist() : await data.digits()
const [pixels, units, epochs] = full ? [784, 500, 20] : [64, 128, 60]
const W = variable(rand([pixels, units]).sub(0.5).mul(0.02))
const b = variable(zeros([pixels]))
const c = variable(zeros([units]))
const dreams = variable(rand([32, pixels]))
const hiddenOf = (v: Tensor) => v.matmul(W).add(c).sigmoid()
const visibleOf = (h: Tensor) => h.matmul(W.transpose()).add(b).sigmoid()
const draw = (p: Tensor) => rand(p.shape).lt(p).to('f32')

const learn = compile((x: Tensor) => {
  const v = x.flatten(1)
  const h = hiddenOf(v)
  const v1 = visibleOf(draw(hiddenOf(dreams)))
  const h1 = hiddenOf(v1)
  dreams.assign(v1)
  const both = v.transpose().matmul(h).sub(v1.transpose().matmul(h1)).div(v.shape[0]!)
  W.assign(W.add(both.sub(W.mul(2e-4)).mul(0.05)))
  b.assign(b.add(v.mean(0).sub(v1.mean(0)).mul(0.05)))
  c.assign(c.add(h.mean(0).sub(h1.mean(0)).mul(0.05)))
  return v.sub(visibleOf(h)).square().mean()
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
const percent = async (x: Tensor) => (100 * (await x.to('f32').mean().item())).toFixed(1)
const less = await percent(energy(digits).lt(energy(mirrored)))
console.log(`less energy than their mirror images: ${less} % of new digits`)

const withHalf = (lower: Tensor | number) => where(arange(pixels).lt(pixels / 2), digits, lower)
const goOn = compile((v: Tensor) => withHalf(visibleOf(draw(hiddenOf(v)))))
let imagined = withHalf(digits.mean(0))
for (let round = 0; round < 200; round++) imagined = goOn(imagined)
const farFrom = (x: Tensor) => x.sub(imagined).square().sum(1)
const other = withHalf(digits.roll(1, 0))
const close = await percent(farFrom(digits).lt(farFrom(other)))
console.log(`imagined halves closer to the true half than to another: ${close} % · runs/rbm.png`)

const sections = []
for (const [title, x] of Object.entries({ seen: withHalf(0), imagined, 'what it was': digits })) {
  const all = plot.imagesOf(await x.reshape(images.shape).arrayView())
  sections.push({ title, images: all.slice(0, 10) })
}
await mkdir('runs', { recursive: true })
await writeFile('runs/rbm.png', await plot.drawGallery(sections))
