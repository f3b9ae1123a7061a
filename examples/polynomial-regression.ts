// Polynomial regression: 12 noisy points of one period of a sine, and polynomials of degree 1 to 11.
//
// A polynomial is linear in its weights: y = w · (1, x, x², …), so it is fitted as a line is. The
// more powers, the smaller the error on the points it was fitted to. The error on new points of the
// same sine tells another story.
//
// Look at the last columns: degree 1 cannot bend (underfitting), degree 11 runs through every point
// and swings between them (overfitting). A price on large weights (weight decay) tames it.
//
// Expect:
//   degree 1 … training error ≥ 0.3 … error on new points ≥ 0.3
//   degree 3 … error on new points ≤ 0.25
//   degree 11 … training error ≤ 0.05 … error on new points ≥ 0.3
//   with weight decay … error on new points ≤ 0.3
import { data, nn, optim, stack, type Tensor, tensor, variable, zeros } from 'brickwork'

const maxSteps = process.argv.includes('--full') ? 100_000 : 5000
const random = data.randomAt(1, 0, 0)

function points(n: number) {
  const xs = Array.from({ length: n }, (_, i) => -1 + (2 * i) / (n - 1))
  const ys = xs.map((x) => Math.sin(Math.PI * x) + 0.2 * random.normal())
  return { x: tensor(xs), y: tensor(ys) }
}
const training = points(12)
const fresh = points(200)

// Chebyshev's polynomials span the same curves as 1, x, x², … do, but differ more from each other:
// gradient descent gets on much faster. T₀ = 1, T₁ = x, Tₖ₊₁ = 2x Tₖ − Tₖ₋₁.
function powers(x: Tensor, degree: number): Tensor {
  const all = [x.mul(0).add(1), x]
  while (all.length <= degree) all.push(x.mul(2).mul(all.at(-1)!).sub(all.at(-2)!))
  return stack(all.slice(0, degree + 1), 1)
}

async function fitCurve(degree: number, decay: number): Promise<string> {
  const w = variable(zeros([degree + 1]), true)
  const error = ({ x, y }: typeof training) => nn.mse(powers(x, degree).matmul(w), y)
  const loss = () => error(training).add(w.square().sum().mul(decay))
  const optimizer = optim.sgd({ lr: 0.1, momentum: 0.9 })
  const { steps } = await optim.gradientDescent(loss, [w], { optimizer, maxSteps })
  const rms = async (set: typeof training) => (await error(set).sqrt().item()).toFixed(3)
  const errors = `training error ${await rms(training)}, error on new points ${await rms(fresh)}`
  return `${`${steps}`.padStart(4)} steps, ${errors}`
}

for (const degree of [1, 3, 5, 8, 11]) {
  console.log(`degree ${`${degree}`.padEnd(2)}            ${await fitCurve(degree, 0)}`)
}
console.log(`  with weight decay  ${await fitCurve(11, 0.05)}`)
