import { stack } from '../../tensor/functions.ts'
import { Tensor, where } from '../../tensor/tensor.ts'
import { typeOf } from '../file/host-array.ts'
import type { NodeCall } from '../run/call.ts'
import { Value } from '../run/value.ts'
import type { Op, OpTable } from './op.ts'
import { overlapAdd } from './overlap.ts'
import { part } from './positions.ts'

/** A sum of cosines, periodic or symmetric. */
const cosineWindow = (weights: readonly number[]): Op => ({
  since: 17,
  host: [0],
  run: (call) => {
    const size = call.limited(call.known(0)[0]!, 'elements')
    const span = call.int('periodic', 1) ? size : size - 1
    const data = Float64Array.from({ length: size }, (_, n) =>
      weights.reduce(
        (sum, w, k) => sum + (-1) ** k * w * Math.cos((2 * Math.PI * k * n) / span),
        0,
      ),
    )
    const type = typeOf(call.int('output_datatype', 1), 'window')
    return Value.constant({ type, shape: [size], data })
  },
})

/** cos and sin of 2π·k·n/N, [bins, n]. */
function fourier(size: number, bins: number): { cos: Tensor; sin: Tensor } {
  const table = (f: (angle: number) => number) =>
    Tensor.of(
      Float32Array.from({ length: bins * size }, (_, i) =>
        f((2 * Math.PI * ((Math.floor(i / size) * (i % size)) % size)) / size),
      ),
      [bins, size],
      'f32',
    )
  return { cos: table(Math.cos), sin: table(Math.sin) }
}

/** Real and imaginary parts [… , N] → their transforms, as a product with a matrix. */
function transformed(real: Tensor, imaginary: Tensor | undefined, bins: number, inverse: boolean) {
  const size = real.shape.at(-1)!
  const { cos, sin } = fourier(size, bins)
  const by = (x: Tensor, m: Tensor) => x.matmul(m.transpose())
  const turn = inverse ? -1 : 1
  const re = imaginary ? by(real, cos).add(by(imaginary, sin).mul(turn)) : by(real, cos)
  const minus = by(real, sin).mul(-turn)
  const im = imaginary ? minus.add(by(imaginary, cos)) : minus
  return inverse ? [re.mul(1 / size), im.mul(1 / size)] : [re, im]
}

/** Along one axis; the last one tells real from imaginary parts. */
function dft(call: NodeCall): Value {
  const x = call.tensor(0)
  const given = call.opset >= 20 ? (call.knownOptional(2)?.[0] ?? -2) : call.int('axis', 1)
  const axis = call.axis(given, x.rank)
  const length = call.knownOptional(1)?.[0] ?? x.shape[axis]!
  call.limited(length * length, 'factors')
  const sized = resized(x, axis, length)
  const moved = sized.transpose(axis, x.rank - 2)
  const component = (i: number) => part(moved, x.rank - 1, i, i + 1).squeeze(x.rank - 1)
  const imaginary = x.shape.at(-1) === 2 ? component(1) : undefined
  const bins = call.int('onesided', 0) ? Math.floor(length / 2) + 1 : length
  const parts = transformed(component(0), imaginary, bins, call.int('inverse', 0) === 1)
  return call.like(0, stack(parts, -1 + x.rank).transpose(axis, x.rank - 2))
}

/** Cut, or with zeros behind. */
function resized(x: Tensor, axis: number, length: number): Tensor {
  const more = length - x.shape[axis]!
  if (more <= 0) return part(x, axis, 0, length)
  return x.pad(x.shape.map((_, i) => [0, i === axis ? more : 0] as const))
}

/** Transforms of windows that move along the signal: [N, L, 1] → [N, frames, bins, 2]. */
function stft(call: NodeCall): Value {
  const x = call.tensor(0)
  const step = call.known(1)[0]!
  const weights = call.optional(2)?.tensor
  const size = call.knownOptional(3)?.[0] ?? weights?.size ?? x.shape[1]!
  call.limited(size * size, 'factors')
  const frames = call.limited(Math.floor((x.shape[1]! - size) / step) + 1, 'frames')
  const component = (i: number) => {
    const line = part(x, 2, i, i + 1).squeeze(2)
    const cut = Array.from({ length: frames }, (_, f) => part(line, 1, f * step, f * step + size))
    const all = stack(cut, 1)
    return weights ? all.mul(weights) : all
  }
  const bins = call.int('onesided', 1) ? Math.floor(size / 2) + 1 : size
  const imaginary = x.shape.at(-1) === 2 ? component(1) : undefined
  return call.like(0, stack(transformed(component(0), imaginary, bins, false), 3))
}

/** Triangles between equal steps of the mel scale: [bins, mel]. Source: the operator's reference. */
function melWeights(call: NodeCall): Value {
  const [mels, size, rate, low, high] = [0, 1, 2, 3, 4].map((i) => call.known(i)[0]!) as [
    number,
    number,
    number,
    number,
    number,
  ]
  const bins = Math.floor(size / 2) + 1
  call.limited(bins * mels, 'weights')
  const toMel = (hertz: number) => 2595 * Math.log10(1 + hertz / 700)
  const step = (toMel(high) - toMel(low)) / (mels + 2)
  const places = Array.from({ length: mels + 2 }, (_, i) => {
    const hertz = 700 * (10 ** ((i * step + toMel(low)) / 2595) - 1)
    return Math.floor(((size + 1) * hertz) / rate)
  })
  const data = new Float64Array(bins * mels)
  for (let m = 0; m < mels; m++) {
    const [left, centre, right] = places.slice(m, m + 3) as [number, number, number]
    if (centre === left) data[centre * mels + m] = 1
    for (let i = left; i <= centre && centre > left; i++) {
      data[i * mels + m] = (i - left) / (centre - left)
    }
    for (let i = centre; i < right && right > centre; i++) {
      data[i * mels + m] = (right - i) / (right - centre)
    }
  }
  const type = typeOf(call.int('output_datatype', 1), 'MelWeightMatrix')
  return Value.constant({ type, shape: [bins, mels], data })
}

/** Columns of blocks [N, C · k, L] added up where they lie. */
function col2im(call: NodeCall): Value {
  const x = call.tensor(0)
  const image = call.known(1)
  const block = call.known(2)
  const all = (name: string) => call.ints(name) ?? image.map(() => 1)
  const pads = call.ints('pads') ?? image.flatMap(() => [0, 0])
  return call.like(
    0,
    overlapAdd(x, {
      image,
      block,
      stride: all('strides'),
      dilation: all('dilations'),
      before: pads.slice(0, image.length),
      after: pads.slice(image.length),
    }),
  )
}

/** By Gauss's elimination; in each step the row with the largest first element comes first. */
function determinant(call: NodeCall): Value {
  const x = call.tensor(0)
  const n = call.limited(x.shape.at(-1)!, 'rows')
  const outer = x.shape.slice(0, -2)
  let rest = x.reshape([-1, n, n])
  let product = rest.mul(0).sum([1, 2]).add(1)
  for (let size = n; size > 0; size--) {
    const column = part(rest, 2, 0, 1).squeeze(2)
    const pivot = column.abs().argmax(1, true)
    const rows = pivot.unsqueeze(2).expand([rest.shape[0]!, 1, size])
    const first = rest.gather(1, rows)
    // The first row goes where the pivot was, which turns the sign.
    const isPivot = Tensor.of(
      Int32Array.from({ length: size }, (_, i) => i),
      [1, size],
      'i32',
    ).eq(pivot)
    const swapped = where(isPivot.unsqueeze(2), part(rest, 1, 0, 1), rest)
    const head = part(first, 2, 0, 1).reshape([-1])
    product = product.mul(head).mul(where(pivot.reshape([-1]).eq(0), 1, -1).to('f32'))
    if (size === 1) break
    const below = part(swapped, 1, 1, size)
    const safe = where(head.eq(0), 1, head).reshape([-1, 1, 1])
    const factor = part(below, 2, 0, 1).div(safe)
    rest = part(below.sub(factor.mul(first)), 2, 1, size)
  }
  return call.like(0, product.reshape(outer))
}

export const signal: OpTable = {
  HannWindow: cosineWindow([0.5, 0.5]),
  HammingWindow: cosineWindow([25 / 46, 21 / 46]),
  BlackmanWindow: cosineWindow([0.42, 0.5, 0.08]),
  DFT: { since: 17, host: [1, 2], run: dft },
  STFT: { since: 17, host: [1, 3], run: stft },
  MelWeightMatrix: { since: 17, host: [0, 1, 2, 3, 4], run: melWeights },
  Col2Im: { since: 18, host: [1, 2], run: col2im },
  Det: { since: 11, run: determinant },
}
