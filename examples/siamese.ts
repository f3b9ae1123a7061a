// Siamese networks (Bromley et al., 1993): one network gives each image a place in space, images of
// one digit close together and others far apart. Two images are compared by their distance: nobody
// says how many digits there are, so new ones can be compared, too.
//
//   contrastive loss  of pairs: the same digit pulls together, others are pushed two apart
//   triplet loss      of triples: an image shall be closer to one of its digit than to another, by 1
//
// Look at the new digits. The network learns from images of 0 to 6; then it meets 7, 8 and 9. Right
// is an image that is closer to one of its digit than to one of another: by chance, 50 %.
//
// Expect:
//   contrastive, new digits … right ≥ 58.0 %
//   triplet, learnt digits … right ≥ 97.0 %
//   triplet, new digits … right ≥ 68.0 %
import type { Tensor } from 'brickwork'
import { data, eye, manualSeed, nn, optim, rand, tensor, train, where } from 'brickwork'

const full = process.argv.includes('--full')
const { train: all, test } = full ? await data.mnist() : await data.digits()

function only(set: data.ArrayDataset, wanted: (digit: number) => boolean): data.ArrayDataset {
  const digits = set.targets.data
  return set.subset([...digits.keys()].filter((row) => wanted(digits[row]!)))
}
const learnt = only(all, (digit) => digit <= 6)
const tests = {
  'learnt digits': only(test, (digit) => digit <= 6),
  'new digits': only(test, (digit) => digit > 6),
}

const sameDigit = (y: Tensor) => y.unsqueeze(1).eq(y)
const distances = (z: Tensor) => z.unsqueeze(1).sub(z).add(1e-6).norm(2, -1)
const losses = {
  contrastive: (z: Tensor, y: Tensor) =>
    nn.contrastive(z.unsqueeze(1), z, sameDigit(y).to('f32'), { margin: 2 }),
  // One of its digit by chance, and the closest of another digit: what is far has nothing to teach.
  triplet(z: Tensor, y: Tensor) {
    const same = sameDigit(y)
    const positive = where(same, rand(same.shape), -1).argmax(1)
    const negative = where(same, Number.POSITIVE_INFINITY, distances(z.detach())).argmin(1)
    return nn.tripletMargin(z, z.indexSelect(0, positive), z.indexSelect(0, negative))
  },
}

for (const [name, loss] of Object.entries(losses)) {
  manualSeed(1)
  const features = [new nn.Conv2d(1, 32, 3), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten()]
  const place = [new nn.Linear(full ? 5408 : 288, 64), new nn.ReLU(), new nn.Linear(64, 16)]
  const model = new nn.Sequential(...features, ...place)
  await train.fit(model, learnt, {
    loss,
    optimizer: optim.adam({ lr: 1e-3 }),
    epochs: full ? 5 : 40,
    batchSize: 64,
    progress: 'none',
  })
  for (const [which, set] of Object.entries(tests)) {
    const places = tensor(await train.predict(model, set)).slice([0, 500])
    console.log(`${name}, ${which}: ${await judge(places, tensor(set.targets).slice([0, 500]))}`)
  }
}

async function judge(z: Tensor, y: Tensor): Promise<string> {
  const [d, other] = [distances(z), sameDigit(y).logicalNot()]
  const same = sameDigit(y).logicalAnd(eye(z.shape[0]!).eq(0))
  const share = (part: Tensor, of: Tensor) => part.to('f32').sum().div(of.to('f32').sum()).item()
  const [near, far] = [await share(where(same, d, 0), same), await share(where(other, d, 0), other)]
  const triples = same.unsqueeze(2).logicalAnd(other.unsqueeze(1))
  const right = await share(triples.logicalAnd(d.unsqueeze(2).lt(d.unsqueeze(1))), triples)
  const means = `same ${near.toFixed(2)}, different ${far.toFixed(2)}`
  return `${means}, right ${(100 * right).toFixed(1)} %`
}
