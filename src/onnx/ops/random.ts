import { generator } from '../../tensor/random.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { typeOf } from '../file/host-array.ts'
import type { NodeCall } from '../run/call.ts'
import type { Op, OpTable } from './op.ts'

type Draw = (shape: readonly number[], call: NodeCall) => Tensor

const normal: Draw = (shape, call) =>
  generator.normal(shape).mul(call.float('scale', 1)).add(call.float('mean', 0))

const uniform: Draw = (shape, call) => {
  const [low, high] = [call.float('low', 0), call.float('high', 1)]
  return generator
    .uniform(shape)
    .mul(high - low)
    .add(low)
}

/** In the shape that the node says. */
const shaped = (draw: Draw): Op => ({
  since: 1,
  random: true,
  run: (call) =>
    call.of(typeOf(call.int('dtype', 1), 'Random'), draw(call.ints('shape') ?? [], call)),
})

/** In the shape of the input. */
const like = (draw: Draw): Op => ({
  since: 1,
  random: true,
  run: (call) => {
    const { shape, type } = call.value(0)
    const asked = call.int('dtype', 0)
    return call.of(asked ? typeOf(asked, 'Random') : type, draw(shape, call))
  },
})

/** Numbers of Brickwork's own generator (`manualSeed`); a node's seed is not heeded. */
export const random: OpTable = {
  RandomNormal: shaped(normal),
  RandomNormalLike: like(normal),
  RandomUniform: shaped(uniform),
  RandomUniformLike: like(uniform),
  Bernoulli: like((shape, call) => generator.uniform(shape).lt(call.tensor(0))),
}
