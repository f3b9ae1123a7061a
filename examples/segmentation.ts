// Segmentation: what is it, pixel by pixel? A small U-Net (Ronneberger et al., 2015) finds discs,
// squares and triangles under noise.
//
// On the way down pooling widens the view, until it is clear what is there. On the way up the
// picture gets its size back, and at each size is joined with what was there on the way down: that
// says where it is. The loss is the mean cross entropy of all pixels.
//
// Most pixels are background, so the share of right ones flatters. Intersection over union does
// not: of the pixels that are of a class or are called so, the share that are both.
//
// Look at the picture, runs/segmentation.png: colours are classes; mixed ones show doubt.
//
// Expect:
//   intersection over union ≥ 80.0 %
import { mkdir, writeFile } from 'node:fs/promises'
import type { Tensor } from 'brickwork'
import { cat, data, manualSeed, metrics, nn, oneHot, optim, plot, tensor, train } from 'brickwork'

const full = process.argv.includes('--full')
const [size, n, epochs] = full ? [64, 4000, 12] : [32, 400, 8]
const trainSet = data.shapes({ n, size, seed: 1 })
const test = data.shapes({ n: 100, size, seed: 2 })

function block(from: number, to: number): nn.Sequential {
  const convolution = new nn.Conv2d(from, to, 3, { padding: 1 })
  return new nn.Sequential(convolution, new nn.BatchNorm2d(to), new nn.ReLU())
}

class UNet extends nn.Module {
  readonly down = new nn.MaxPool2d(2)
  readonly up = new nn.Upsample({ scaleFactor: 2 })
  readonly fine = block(1, 16)
  readonly middle = block(16, 32)
  readonly coarse = block(32, 64)
  readonly middleUp = block(64 + 32, 32)
  readonly fineUp = block(32 + 16, 16)
  readonly classes = new nn.Conv2d(16, 4, 1)

  forward(x: Tensor): Tensor {
    const fine = this.fine.forward(x)
    const middle = this.middle.forward(this.down.forward(fine))
    const coarse = this.coarse.forward(this.down.forward(middle))
    const middleUp = this.middleUp.forward(cat([this.up.forward(coarse), middle], 1))
    return this.classes.forward(this.fineUp.forward(cat([this.up.forward(middleUp), fine], 1)))
  }
}

manualSeed(1)
const model = new UNet()
const { history } = await train.fit(model, trainSet, {
  validation: test,
  loss: nn.crossEntropy,
  optimizer: optim.adam({ lr: 1e-2 }),
  schedule: optim.cosineAnnealingLR({ tMax: epochs }),
  epochs,
  batchSize: 16,
  metrics: [metrics.iou(4)],
})
const iou = 100 * history.at(-1)!.validation!.metrics['iou']!
console.log(`\nintersection over union ${iou.toFixed(1)} % · runs/segmentation.png`)

const inColors = async (shares: Tensor) =>
  plot.imagesOf(await shares.slice([0, 10], [1]).arrayView())
const scores = tensor(await train.predict(model, test))
const truth = oneHot(tensor(test.targets), 4).permute([0, 3, 1, 2])
const picture = await plot.drawGallery([
  { title: 'pictures', images: plot.imagesOf(test.inputs).slice(0, 10) },
  { title: 'what the network finds', images: await inColors(scores.softmax(1)) },
  { title: 'what there is', images: await inColors(truth) },
])
await mkdir('runs', { recursive: true })
await writeFile('runs/segmentation.png', picture)
