// A trained network as files: its weights alone, an ONNX model, and a program that needs no library.
//
// Look at the sizes, and at the last line of each: whatever runs it, the network says the same.
//
// Expect:
//   10/10
//   weights of 16 bits: ≤ 130000 B, off by ≤ 0.05
//   ONNX: ≤ 250000 B, off by ≤ 0.001
//   standalone: 360 of 360 classes the same
import { mkdir, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  data,
  metrics,
  models,
  nn,
  onnx,
  optim,
  standalone,
  Tensor,
  train,
  weights,
} from 'brickwork'

const { train: trainSet, test } = await data.digits()
const normalize = data.statistics(trainSet)
const sizes = { inputShape: [1, 8, 8], classes: 10 }
const model = models.createModel('lenet', sizes)
await train.fit(model, trainSet, {
  validation: test,
  loss: nn.crossEntropy,
  optimizer: optim.adam({ lr: 2e-3 }),
  epochs: 10,
  normalize,
  metrics: [metrics.accuracy],
})

const loader = new data.DataLoader(test, { batchSize: 360, normalize })
const [inputs] = loader.batches(0).next().value!
const images = Tensor.of(inputs.data, inputs.shape, 'f32')
const scores = Array.from(await model.forward(images).data())
const largest = (other: ArrayLike<number>): string =>
  Math.max(...scores.map((score, i) => Math.abs(score - other[i]!))).toPrecision(2)

await mkdir('runs', { recursive: true })
const weightsFile = 'runs/lenet.safetensors'
await weights.save(model, weightsFile, { dtype: 'f16' })
const again = models.createModel('lenet', sizes).eval()
again.loadStateDict(await weights.load(weightsFile))
const read = await again.forward(images).data()
console.log(`weights of 16 bits: ${(await stat(weightsFile)).size} B, off by ${largest(read)}`)

const file = await onnx.serialize(model, { inputs: [[1, 1, 8, 8]] })
const imported = await onnx.load(file)
const computed = await imported.forward(images).data()
console.log(`ONNX: ${file.length} B, off by ${largest(computed)}`)

const input = { dtype: 'f32', shape: [1, 1, 8, 8] } as const
const folder = 'runs/lenet-alone'
await standalone.save((x) => model.forward(x), folder, [input], { name: 'lenet' })
const alone = await import(pathToFileURL(resolve(folder, 'model.js')).href)
const network = await alone.load()
const classOf = (row: readonly number[]) => row.indexOf(Math.max(...row))
let same = 0
for (let i = 0; i < 360; i++) {
  const [output] = network.run(inputs.data.subarray(i * 64, (i + 1) * 64))
  same += Number(classOf([...output]) === classOf(scores.slice(i * 10, (i + 1) * 10)))
}
console.log(`standalone: ${same} of 360 classes the same`)
