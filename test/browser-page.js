// @ts-nocheck: it imports the build by the address that the test's server gives it.
import * as bw from '/dist/index.js'

/** Trains a little and multiplies large matrices. */
export async function run() {
  const backend = await bw.currentBackend()
  bw.manualSeed(1)
  const model = new bw.nn.Sequential(
    new bw.nn.Linear(2, 8),
    new bw.nn.Tanh(),
    new bw.nn.Linear(8, 2),
  )
  const optimizer = bw.optim.adam({ lr: 0.05 })(model.parameters())
  const step = bw.compile((x, y) => {
    const loss = bw.nn.crossEntropy(model.forward(x), y)
    optimizer.step(bw.grad(loss, model.parameters()))
    return loss
  })
  const x = bw.tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ])
  const y = bw.tensor(Int32Array.of(0, 1, 1, 0))
  const losses = []
  for (let i = 0; i < 200; i++) losses.push(await step(x, y).item())
  const ones = bw.ones([600, 600])
  const product = await ones.matmul(ones).sum().item()
  const { train: digits, test } = await bw.data.digits()
  const run = await bw.train.fit(
    new bw.nn.Sequential(new bw.nn.Flatten(), new bw.nn.Linear(64, 10)),
    digits,
    {
      validation: test,
      loss: bw.nn.crossEntropy,
      optimizer: bw.optim.adam({ lr: 0.01 }),
      epochs: 3,
      metrics: [bw.metrics.accuracy],
    },
  )
  const accuracy = run.history.at(-1).validation.metrics.accuracy
  return {
    accuracy,
    backend: backend.name,
    losses,
    product,
    isolated: globalThis.crossOriginIsolated,
  }
}
