// The training loop in your own hands: one compiled step, called for each batch.
//
// Look at `compile`: forward, loss, backward and update become one program at the first call. A
// batch of another size, such as the last one, compiles it once more.
//
// Expect:
//   epoch 1: loss ≤ 2
//   epoch 3: loss ≤ 1
import { compile, data, grad, nn, optim, type Tensor, tensor } from 'brickwork'

const { train } = await data.digits()
const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(64, 10))
const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 })
const step = compile((x: Tensor, y: Tensor) => {
  const loss = nn.crossEntropy(model.forward(x), y)
  optimizer.step(grad(loss, model.parameters()))
  return loss
})

const loader = new data.DataLoader(train, { batchSize: 64, shuffle: true })
for (let epoch = 1; epoch <= 3; epoch++) {
  let sum = 0
  for await (const [x, y] of loader) {
    const loss = step(tensor(x), tensor(y))
    sum += await loss.item()
  }
  console.log(`epoch ${epoch}: loss ${(sum / loader.length).toFixed(3)}`)
}
