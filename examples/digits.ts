// The shortest training program: a convolutional network on 1,797 handwritten digits.
//
// Look at the last line: the epoch whose network was best on the 360 digits kept aside.
//
// Expect:
//   15/15
//   { epoch: ≥ 2, value: ≤ 0.2 }
import { data, metrics, nn, optim, train } from 'brickwork'

const { train: trainSet, test } = await data.digits()
const features = new nn.Sequential(new nn.Conv2d(1, 32, 3), new nn.ReLU(), new nn.MaxPool2d(2))
const classifier = new nn.Sequential(new nn.Flatten(), new nn.Linear(288, 10))
const model = new nn.Sequential(features, classifier)
const run = await train.fit(model, trainSet, {
  validation: test,
  loss: nn.crossEntropy,
  optimizer: optim.adam({ lr: 3e-3 }),
  epochs: 15,
  metrics: [metrics.accuracy],
})
console.log(run.best)
