// Multi-task learning (Caruana, 1997): one network answers two questions about a digit that was
// turned by 0, 90, 180 or 270 degrees: which digit is it, and how was it turned?
//
// A trunk computes features once; a small head for each task reads them. The loss is the sum of the
// tasks' losses, so the trunk learns what serves both: who sees which way is up can tell 6 from 9.
//
// Look at the table: one network for both tasks, beside one network for each. It does the work of
// two with half the weights; on MNIST (--full) digits even gain from the other task. A head that was
// not trained guesses: 10 % and 25 % right by chance.
//
// Expect:
//   digit alone ≥ 85.0 %
//   turn alone … % ≥ 90.0 %
//   both tasks ≥ 85.0 % ≥ 90.0 %
import { cat, compile, data, grad, manualSeed, nn, optim, type Tensor, tensor } from 'brickwork'

const full = process.argv.includes('--full')
const { train, test } = full ? await data.mnist() : await data.digits()
const [side, white, epochs] = full ? [28, 255, 3] : [8, 1, 20]
const asked = full ? test.split([1000, 9000], { stratified: true })[0]! : test

/** Upright digits as all four turns of each, with the answers to both questions. */
function turned(x: Tensor, y: Tensor) {
  const quarter = (image: Tensor) => image.transpose(2, 3).flip(3)
  const images = [x]
  while (images.length < 4) images.push(quarter(images.at(-1)!))
  const turn = cat([0, 1, 2, 3].map((quarters) => y.mul(0).add(quarters)))
  return { images: cat(images), digit: cat([y, y, y, y]), turn }
}

async function run(weights: { digit: number; turn: number }): Promise<string> {
  manualSeed(1)
  const trunk = new nn.Sequential(
    new nn.Conv2d(1, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(16 * (side / 2) ** 2, 64),
    new nn.ReLU(),
  )
  const heads = { digit: new nn.Linear(64, 10), turn: new nn.Linear(64, 4) }
  const model = new nn.MultiTask(trunk, heads)
  const optimizer = new optim.Adam(model.parameters(), { lr: 2e-3 })

  const learn = compile((x: Tensor, y: Tensor) => {
    const { images, ...truth } = turned(x, y)
    const scores = model.forward(images)
    const digit = nn.crossEntropy(scores.digit, truth.digit)
    const turn = nn.crossEntropy(scores.turn, truth.turn)
    optimizer.step(grad(nn.multiTaskLoss({ digit, turn }, weights), model.parameters()))
  })
  const loader = new data.DataLoader(train, { batchSize: 32, shuffle: true })
  for (let epoch = 0; epoch < epochs; epoch++) {
    for await (const [x, y] of loader) learn(tensor(x), tensor(y))
  }

  const { images, digit, turn } = turned(
    tensor(asked.inputs).to('f32').div(white),
    tensor(asked.targets),
  )
  const scores = model.forward(images)
  const right = async (task: Tensor, answer: Tensor) => {
    const share = await task.argmax(1).eq(answer).to('f32').mean().item()
    return `${(100 * share).toFixed(1).padStart(8)} %`
  }
  return (await right(scores.digit, digit)) + (await right(scores.turn, turn))
}

console.log('right          digit      turn')
console.log('digit alone', await run({ digit: 1, turn: 0 }))
console.log('turn alone ', await run({ digit: 0, turn: 1 }))
console.log('both tasks ', await run({ digit: 1, turn: 1 }))
