import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  interpolate,
  maxPool1d,
  maxPool2d,
  maxPool3d,
} from '../../../src/index.ts'
import type { Args } from '../reading.ts'
import type { Row, Rows } from '../rows.ts'

const options = (args: Args) => ({
  ...(args.has('stride') ? { stride: args.pair('stride') } : {}),
  padding: args.pair('padding', 0),
  dilation: args.pair('dilation', 1),
  ceilMode: args.boolean('ceil_mode', false),
})

const max =
  (fn: typeof maxPool1d): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), args.pair('kernel'), options(args))

const average =
  (fn: typeof avgPool1d): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), args.pair('kernel'), {
      ...options(args),
      countIncludePad: args.boolean('count_include_pad', true),
    })

const adaptive =
  (fn: typeof adaptiveAvgPool1d): Row =>
  (inputs, args) =>
    fn(inputs.get('x'), args.pair('output'))

export const pool: Rows = {
  max_pool1d: max(maxPool1d),
  max_pool2d: max(maxPool2d),
  max_pool3d: max(maxPool3d),
  avg_pool1d: average(avgPool1d),
  avg_pool2d: average(avgPool2d),
  avg_pool3d: average(avgPool3d),
  adaptive_avg_pool1d: adaptive(adaptiveAvgPool1d),
  adaptive_avg_pool2d: adaptive(adaptiveAvgPool2d),
  adaptive_avg_pool3d: adaptive(adaptiveAvgPool3d),
  pad: (inputs, args) => {
    const mode = args.word('mode', ['constant', 'reflect', 'replicate', 'circular'], 'constant')
    const amounts = args.rows('pad').map(([before = 0, after = 0]) => [before, after] as const)
    return inputs.get('x').pad(amounts, mode, args.number('value', 0))
  },
  interpolate: (inputs, args) =>
    interpolate(inputs.get('x'), {
      ...(args.has('size') ? { size: args.pair('size') } : {}),
      ...(args.has('scale') ? { scaleFactor: args.pair('scale') } : {}),
      mode: args.word('mode', ['nearest', 'linear', 'bilinear', 'trilinear'], 'nearest'),
      alignCorners: args.boolean('align_corners', false),
    }),
}
