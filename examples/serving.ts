// A server takes on what training has learnt meanwhile, without losing a request.
//
// Clients ask over HTTP (Open Inference Protocol) which digits they see; what comes together is
// computed together. The network learns beside it, and after each pass a copy of it takes the old
// one's place: every answer says which version gave it.
//
// Look at the versions: the first guesses, the last knows; between them, no request failed.
//
// Expect:
//   version 1: ≤ 30 % of
//   version 4: ≥ 80 % of
//   0 of ≥ 100 requests failed
import { data, models, nn, optim, train } from 'brickwork'
import { servableOf, serve } from 'brickwork/serve'

const sizes = { inputShape: [1, 8, 8], classes: 10 }
const { train: trainSet, test } = await data.digits()
const learner = new models.LeNet(sizes)

const server = await serve(
  async (version) => {
    const model = new models.LeNet(sizes)
    model.loadStateDict(learner.stateDict())
    return servableOf(model, { name: 'digits', version, inputShape: sizes.inputShape })
  },
  { port: 0, log: 'none' },
)
console.log(`${server.url}/v2/models/digits/infer`)

const asked = new Map<string, { right: number; all: number }>()
let [requests, failed] = [0, 0]

/** Asks about one digit, and notes how the version that answered did. */
async function ask(index: number): Promise<void> {
  const { input, target } = test.get(index % test.length)
  const inputs = [{ name: 'input', datatype: 'FP32', shape: [1, 1, 8, 8], data: [...input.data] }]
  const answer = await fetch(`${server.url}/v2/models/digits/infer`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ inputs }),
  })
  requests++
  if (!answer.ok) return void failed++
  const { model_version: version, outputs } = await answer.json()
  const scores: number[] = outputs[0].data
  const score = asked.get(version) ?? { right: 0, all: 0 }
  score.all++
  if (scores.indexOf(Math.max(...scores)) === target.data[0]) score.right++
  asked.set(version, score)
}

async function answered(version: string, count: number): Promise<void> {
  while ((asked.get(version)?.all ?? 0) < count) await new Promise((done) => setTimeout(done, 10))
}
let isOver = false
const clients = Array.from({ length: 8 }, async (_, client) => {
  for (let i = client; !isOver; i += 8) await ask(i)
})
await answered('1', 100)
for (let version = 2; version <= 4; version++) {
  const optimizer = optim.adam({ lr: 2e-3 })
  await train.fit(learner, trainSet, { loss: nn.crossEntropy, optimizer, progress: 'none' })
  await server.reload()
}
await answered('4', test.length)
isOver = true
await Promise.all(clients)
for (const [version, { right, all }] of asked) {
  console.log(`version ${version}: ${((100 * right) / all).toFixed(1)} % of ${all} digits right`)
}
console.log(`${failed} of ${requests} requests failed`)
await server.close()
