// Linear regression: a line y = a·x + b through 30 noisy points of y = 2x + 1, two of which are
// grossly wrong, by gradient descent on all points at once until it converges.
//
// Quadratic loss squares each error: two bad points pull the line away. Absolute loss counts each
// error as it is, and keeps to the many. Quadratic loss has a closed solution to compare with.
//
// Look at the last run: with too high a learning rate each step overshoots by more than it gains,
// and the loss grows without limit. The library stops there and says so.
//
// Expect:
//   quadratic loss: y = 1.31 x + 0.41
//   closed solution: y = 1.31 x + 0.41
//   absolute loss: y = ≥ 1.9 x + ≥ 0.9
//   Converged after ≥ 10 steps: the loss hardly falls any more
//   Diverged after ≤ 50 steps
import { data, nn, optim, type Tensor, tensor, variable, zeros } from 'brickwork'

const random = data.randomAt(3, 0, 0)
const n = 30
const xs = Array.from({ length: n }, () => random.uniform(-1, 1))
const ys = xs.map((x) => 2 * x + 1 + 0.1 * random.normal())
ys[3] = -6
ys[17] = -8
const [x, y] = [tensor(xs), tensor(ys)]

type Loss = (prediction: Tensor, target: Tensor) => Tensor
async function fitLine(loss: Loss, options: optim.GradientDescentOptions) {
  const a = variable(zeros([]), true)
  const b = variable(zeros([]), true)
  const descent = await optim.gradientDescent(() => loss(x.mul(a).add(b), y), [a, b], options)
  return { descent, line: `y = ${(await a.item()).toFixed(2)} x + ${(await b.item()).toFixed(2)}` }
}

const quadratic = await fitLine(nn.mse, { lr: 0.1 })
console.log(`quadratic loss: ${quadratic.line}\n  ${quadratic.descent.message}`)

const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / n
const [mx, my] = [mean(xs), mean(ys)]
const slope = mean(xs.map((v, i) => (v - mx) * (ys[i]! - my))) / mean(xs.map((v) => (v - mx) ** 2))
console.log(`  closed solution: y = ${slope.toFixed(2)} x + ${(my - slope * mx).toFixed(2)}`)

// Its gradient is of one size however near the solution is: here the loss tells when to stop.
const absolute = await fitLine(nn.mae, { lr: 0.01, lossTolerance: 1e-6, maxSteps: 5000 })
console.log(`\nabsolute loss: ${absolute.line}\n  ${absolute.descent.message}`)

const wild = await fitLine(nn.mse, { lr: 1.5 })
console.log(`\nquadratic loss, learning rate 1.5:\n  ${wild.descent.message}`)
const first = wild.descent.losses.slice(0, 5).map((loss) => loss.toFixed(1))
console.log(`  loss: ${first.join(', ')}, …`)
