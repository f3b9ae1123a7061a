// A perceptron (Rosenblatt, 1958): a line w · x + b = 0 that learns from its mistakes, one by one.
//
// A point of class y = ±1 is on the wrong side if y (w · x + b) ≤ 0. Only then is anything learnt:
// a step of gradient descent on −y (w · x + b), which adds y·x to w and y to b. Points that are
// right already change nothing.
//
// Look at the steps: each repairs one mistake and may make others, but where a line exists, the
// mistakes end. Exclusive or has no such line: there it goes on for ever.
//
// Expect:
//   linearly-separable: pass ≥ 2 without a mistake
//   xor: still ≥ 10 mistakes in pass 20
import { data, grad, optim, tensor, variable, zeros } from 'brickwork'

const full = process.argv.includes('--full')
const n = full ? 1000 : 40

for (const points of [data.linearlySeparable({ n, margin: 0.03, seed: 9 }), data.xor({ n })]) {
  console.log(`\n${points.name}: ${n} points`)
  const w = variable(zeros([2]), true)
  const b = variable(zeros([]), true)
  const optimizer = new optim.SGD([w, b], { lr: 1 })

  for (let pass = 1; pass <= 20; pass++) {
    let mistakes = 0
    for (let i = 0; i < n; i++) {
      const { input, target } = points.get(i)
      const x = tensor(input)
      const y = target.data[0] === 1 ? 1 : -1
      const agreement = w.mul(x).sum().add(b).mul(y)
      if ((await agreement.item()) > 0) continue
      mistakes++
      optimizer.step(grad(agreement.neg(), [w, b]))
      if (points.name === 'xor' || full) continue
      const [place, line] = [show(input.data), show(await w.data())]
      const side = y > 0 ? '+' : '−'
      console.log(`  point ${place} is ${side}: w = ${line}, b = ${await b.item()}`)
    }
    if (mistakes === 0) console.log(`${points.name}: pass ${pass} without a mistake`)
    else if (pass === 20) console.log(`${points.name}: still ${mistakes} mistakes in pass 20`)
    if (mistakes === 0) break
  }
}

function show(numbers: ArrayLike<number>): string {
  return `(${Array.from(numbers, (v) => v.toFixed(2).padStart(5)).join(', ')})`
}
