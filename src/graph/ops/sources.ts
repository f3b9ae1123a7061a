import type { AliasOp, SourceOp } from '../record.ts'
import { dtypeError, shapeError } from './helpers.ts'

export const sources = {
  /** Memory: an input, a parameter, a state. */
  buffer: {
    kind: 'source',
    infer: (_, { shape, dtype }) => ({ shape, dtype }),
  } satisfies SourceOp<'buffer'>,
  constant: {
    kind: 'source',
    infer: (_, { shape, dtype }) => ({ shape, dtype }),
  } satisfies SourceOp<'constant'>,
  /** The coordinate along an axis, i32. */
  iota: {
    kind: 'source',
    infer: (_, { shape, axis }, where) => {
      if (axis < 0 || axis >= shape.length) {
        throw shapeError(where, `axis ${axis} of ${shape.length} axes`, 'an axis of the shape')
      }
      return { shape, dtype: 'i32' }
    },
  } satisfies SourceOp<'iota'>,
  /** 32 random bits an element, i32: a function of the key (i32, [2]), the stream and the position alone. */
  random: {
    kind: 'source',
    infer: ([key], { shape }, where) => {
      if (key?.dtype !== 'i32' || key.shape.length !== 1 || key.shape[0] !== 2) {
        throw dtypeError(where, `a key ${key?.dtype} [${key?.shape}]`, 'a key i32 [2]')
      }
      return { shape, dtype: 'i32' }
    },
  } satisfies SourceOp<'random'>,
}

export const aliases = {
  /** The value without its history. */
  detach: {
    kind: 'alias',
    endsHistory: true,
    infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  } satisfies AliasOp<'detach'>,
  barrier: {
    kind: 'alias',
    infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    gradient: (g) => [g, undefined],
  } satisfies AliasOp<'barrier'>,
  /** The first input, with a gradient of the user's own for the others. */
  custom: {
    kind: 'alias',
    infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
    gradient: (g, node) => [undefined, ...(node.attrs.backward(g) as (typeof g | undefined)[])],
  } satisfies AliasOp<'custom'>,
}
