// A network that writes (Karpathy, 2015): an LSTM reads letter by letter, and says after each one
// how likely every letter is to come next. To write, one is drawn by these odds, and read in turn.
//
// Small, it learns six lines by heart. With --full it learns from 1.1 million letters of
// Shakespeare's plays: text/tinyshakespeare.txt in the folder that BRICKWORK_DATA names.
//
// Look at the temperature, which divides the scores before they become odds: below 1 what is likely
// becomes more so, above 1 the writing gets wild.
//
// Expect:
//   step 200: loss ≤ 0.20 a letter
//   Rough winds do shake the darling buds of May,
import { readFile } from 'node:fs/promises'
import { compile, data, grad, manualSeed, nn, optim, type Tensor, tensor, zeros } from 'brickwork'

const sonnet = `Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date;
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
`
const full = process.argv.includes('--full')
const play = `${process.env['BRICKWORK_DATA'] ?? '.'}/text/tinyshakespeare.txt`
const text = full ? await readFile(play, 'utf8') : sonnet.repeat(2)
const [hidden, numLayers, length, batch, steps] = full
  ? [256, 1, 64, 32, 4000]
  : [128, 1, 64, 16, 200]

manualSeed(1)
const chars = data.CharTokenizer.train(text)
const letters = new nn.Embedding(chars.size, 64)
const lstm = new nn.LSTM(64, hidden, { numLayers })
const scores = new nn.Linear(hidden, chars.size)
const parameters = [letters, lstm, scores].flatMap((part) => part.parameters())
const optimizer = new optim.Adam(parameters, { lr: full ? 3e-3 : 1e-2 })

/** Texts as numbers [length, batch]: each letter is to be foretold from those before it. */
const learn = compile((x: Tensor) => {
  const { output } = lstm.forward(letters.forward(x.slice([0, -1])))
  const loss = nn.crossEntropy(scores.forward(output).flatten(0, 1), x.slice([1]).flatten())
  optimizer.step(grad(loss, parameters))
  return loss
})
const ids = chars.encode(text)
const random = data.randomAt(1, 0, 0)
let sum = 0
for (let step = 1; step <= steps; step++) {
  const starts = Array.from({ length: batch }, () => random.integer(ids.length - length))
  const rows = Array.from({ length: length + 1 }, (_, t) => starts.map((start) => ids[start + t]!))
  sum += await learn(tensor(rows, { dtype: 'i32' })).item()
  if (step % (steps / 10) > 0) continue
  console.log(`step ${step}: loss ${((10 * sum) / steps).toFixed(2)} a letter`)
  sum = 0
}

const read = compile((letter: Tensor, temperature: Tensor, h: Tensor, c: Tensor) => {
  const { output, ...states } = lstm.forward(letters.forward(letter), { h, c })
  return { odds: scores.forward(output).div(temperature).softmax(), ...states }
})
for (const temperature of [0.5, 1, 1.5]) {
  let written = '\n'
  let [h, c] = [zeros([numLayers, 1, hidden]), zeros([numLayers, 1, hidden])]
  while (written.length < 300) {
    const last = tensor([[chars.encode(written.at(-1)!)[0]!]], { dtype: 'i32' })
    const next = read(last, tensor(temperature), h, c)
    written += chars.decode([random.weighted(await next.odds.data())])
    ;({ h, c } = next)
  }
  console.log(`\ntemperature ${temperature}:${written}`)
}
