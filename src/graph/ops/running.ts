import type { RunningOp } from '../record.ts'
import { requireDType } from './helpers.ts'

export const running = {
  /** out[i] = Σ_{j ≤ i} x[j] along an axis. */
  cumsum: {
    kind: 'running',
    infer: ([x], _, where) => ({
      shape: x!.shape,
      dtype: requireDType([x!], ['f32', 'i32'], where),
    }),
    gradient: (g, { attrs: { axis } }, make) => {
      const reversed = make('cumsum', [make('flip', [g], { axes: [axis] })], { axis })
      return [make('flip', [reversed], { axes: [axis] })]
    },
  } satisfies RunningOp<'cumsum'>,
}
