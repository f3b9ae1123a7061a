// A computational graph: f = (x + y) · z at x = −2, y = 5, z = −4.
//
// Operations are nodes, tensors run along the edges. Forward, each node computes its value from
// its inputs. Backward, each node multiplies the gradient that reaches it by its own derivative
// and hands it on to its inputs: the chain rule.
//
// Look at q = x + y: ∂f/∂q = z = −4. A sum hands its gradient on unchanged, so x and y get −4 too:
// f falls by 4 for each 1 that x grows.
//
// Expect:
//   x             −2         −4
//   y              5         −4
//   z             −4          3
//   q = x + y      3         −4
//   f = q · z    −12          1
//   with x larger by 0.01, f changes by −0.04
import { grad, tensor } from 'brickwork'

const x = tensor(-2)
const y = tensor(5)
const z = tensor(-4)
const q = x.add(y)
const f = q.mul(z)

// Nothing is computed until a value is asked for. A gradient is a tensor like any other.
const nodes = { x, y, z, 'q = x + y': q, 'f = q · z': f }
const gradients = grad(f, Object.values(nodes))

console.log('node        value   gradient of f')
for (const [i, [name, node]] of Object.entries(nodes).entries()) {
  const [value, gradient] = [await node.item(), await gradients[i]!.item()]
  console.log(`${name.padEnd(10)} ${`${value}`.padStart(6)} ${`${gradient}`.padStart(10)}`)
}

const nudged = x.add(0.01).add(y).mul(z)
const change = await nudged.sub(f).item()
console.log(`\nwith x larger by 0.01, f changes by ${change.toFixed(2)}`)
