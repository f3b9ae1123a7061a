// A trained network as files: its weights alone, an ONNX model, and a program that needs no library.
//
// Look at the sizes, and at the last line of each: whatever runs it, the network says the same.
//
// Expect:
//   trained: ≥ 95 %
//   weights of 16 bits: ≤ 130 kB, largest difference ≤ 0.05
//   ONNX: ≤ 250 kB, largest difference ≤ 0.001
//   standalone: ≤ 400 kB, 360 of 360 classes the same
import { mkdir } from 'node:fs/promises'
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
const run = await train.fit(model, trainSet, {
  validation: test,
  loss: nn.crossEntropy,
  optimizer: optim.adam({ lr: 2e-3 }),
  epochs: 10,
  normalize,
  metrics: [metrics.accuracy],
})
console.log(`trained: ${(100 * run.history.at(-1)!.validation!.metrics['accuracy']!).toFixed(1)} %`)

const loader = new data.DataLoader(test, { batchSize: 360, normalize })
const [inputs] = loader.batches(0).next().value!
const images = Tensor.of(inputs.data, inputs.shape, 'f32')
const scores = Array.from(await model.forward(images).data())
const largest = (other: ArrayLike<number>): string =>
  Math.max(...scores.map((score, i) => Math.abs(score - other[i]!))).toPrecision(2)

await mkdir('runs', { recursive: true })
await weights.save('runs/lenet.safetensors', model.stateDict(), { dtype: 'f16' })
const read = models.createModel('lenet', sizes).eval()
read.loadStateDict(await weights.load('runs/lenet.safetensors'))
const kB = (bytes: number) => Math.round(bytes / 1000)
const half = 2 * model.parameters().reduce((sum, { size }) => sum + size, 0)
console.log(
  `weights of 16 bits: ${kB(half)} kB, largest difference ${largest(await read.forward(images).data())}`,
)

const file = await onnx.serialize(model, { inputs: [[1, 1, 8, 8]] })
const imported = await onnx.load(file)
console.log(
  `ONNX: ${kB(file.length)} kB, largest difference ${largest(await imported.forward(images).data())}`,
)

const input = { dtype: 'f32', shape: [1, 1, 8, 8] } as const
const report = await standalone.save('runs/lenet-alone', (x) => model.forward(x), [input], {
  name: 'lenet',
})
const alone = (await import(pathToFileURL(resolve('runs/lenet-alone/model.js')).href)) as {
  load(): Promise<{ run(...inputs: Float32Array[]): Float32Array[] }>
}
const network = await alone.load()
const classOf = (row: readonly number[]) => row.indexOf(Math.max(...row))
let same = 0
for (let i = 0; i < 360; i++) {
  const [output] = network.run(Float32Array.from(inputs.data.subarray(i * 64, (i + 1) * 64)))
  same += Number(classOf([...output!]) === classOf(scores.slice(i * 10, (i + 1) * 10)))
}
const bytes = Object.values(report.files).reduce((a, b) => a + b)
console.log(`standalone: ${kB(bytes)} kB, ${same} of 360 classes the same`)
