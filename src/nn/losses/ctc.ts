import { BrickError } from '../../base/errors.ts'
import { showShape } from '../../base/shape.ts'
import { arange, full } from '../../tensor/create.ts'
import { cat, stack } from '../../tensor/functions.ts'
import { requireIndices } from '../../tensor/known-values.ts'
import { scan } from '../../tensor/scan.ts'
import { type Tensor, where } from '../../tensor/tensor.ts'
import { type Reduction, reduceLoss } from './reduction.ts'

export interface CtcOptions {
  /** The class that stands for no label (default 0). */
  readonly blank?: number
  /** `mean`: each loss by its number of labels, then over the batch (default). */
  readonly reduction?: Reduction
  /** Losses that no alignment can reach, of targets longer than inputs, count as 0 (default false: ∞). */
  readonly zeroInfinity?: boolean
  /** Elements of each sequence of scores that count, i32 [N] (default: all T). */
  readonly inputLengths?: Tensor
  /** Labels of each target that count, i32 [N] (default: all S). */
  readonly targetLengths?: Tensor
}

/** The logarithm of 0: so far down that what is added to it drowns, yet finite, so that gradients are. */
const NOTHING = -1e30

/**
 * Connectionist temporal classification: −log Σ over all alignments of Π p(t, label), where labels may
 * be repeated and blanks come in between. logProbs [T, N, C] (normalised again here: scores will do),
 * targets i32 [N, S], in which no label is the blank. The sum runs forward through time, label by
 * label: α(t, s) = p(t, l′ₛ) · (α(t−1, s) + α(t−1, s−1) + α(t−1, s−2) unless l′ₛ is blank or l′ₛ₋₂), with
 * l′ the labels and blanks between and around them. As torch.nn.functional.ctc_loss.
 *
 * Source: Graves et al., “Connectionist temporal classification”, 2006.
 *
 * @throws BrickError `shape` for other shapes, `argument` for a blank that is no class.
 * @example
 * ```ts
 * // Two steps, classes blank and a: “a” is aa, a– or –a.
 * const p = tensor([[[0.4, 0.6]], [[0.4, 0.6]]]).log()
 * await nn.ctcLoss(p, tensor([[1]], { dtype: 'i32' })).item() // −log 0.84 = 0.1744
 * ```
 */
export function ctcLoss(logProbs: Tensor, targets: Tensor, options: CtcOptions = {}): Tensor {
  const { blank = 0, reduction = 'mean', zeroInfinity = false } = options
  const [T, N, S] = check(logProbs, targets, options, blank)
  const targetLengths = (options.targetLengths ?? full([N], S, 'i32')).to('i32')
  const labels = withBlanks(targets.to('i32'), blank)
  const width = 2 * S + 1
  const index = labels.unsqueeze(0).expand([T, N, width])
  const emitted = logProbs.logSoftmax(-1).gather(2, index)
  const active = options.inputLengths
    ? arange(T).unsqueeze(1).lt(options.inputLengths.to('i32').unsqueeze(0)).unsqueeze(2)
    : undefined
  const skips = maySkip(labels, blank)
  const place = arange(width)
  const first = where(place.lt(2), emitted.slice(0), NOTHING)
  const forward = (alpha: Tensor, here: Tensor): Tensor => {
    const one = shifted(alpha, 1)
    const two = where(skips, shifted(alpha, 2), NOTHING)
    return here.add(stack([alpha, one, two]).logsumexp(0))
  }
  const rest = emitted.slice([1, T])
  const { final } = scan(
    ([alpha], [here, on]) => {
      const next = forward(alpha!, here!)
      return { states: [on ? where(on, next, alpha!) : next] }
    },
    { initial: [first], sequences: active ? [rest, active.slice([1, T])] : [rest] },
  )
  const losses = endings(final[0]!, targetLengths).neg()
  const impossible = losses.gt(-NOTHING / 2)
  const finite = where(impossible, zeroInfinity ? 0 : Number.POSITIVE_INFINITY, losses)
  if (reduction !== 'mean') return reduceLoss(finite, reduction)
  return finite.div(targetLengths.to('f32').maximum(1)).mean()
}

/** log (α(last label) + α(last blank)) of each sequence. */
function endings(alpha: Tensor, targetLengths: Tensor): Tensor {
  const blank = targetLengths.mul(2).unsqueeze(1)
  const ends = alpha.gather(1, blank)
  const labels = where(blank.eq(0), NOTHING, alpha.gather(1, blank.sub(1).maximum(0)))
  return cat([ends, labels], 1).logsumexp(1)
}

/** –, l₁, –, l₂, –, …: [N, 2 S + 1]. */
function withBlanks(targets: Tensor, blank: number): Tensor {
  const [N, S] = targets.shape as [number, number]
  const pairs = stack([full([N, S], blank, 'i32'), targets], 2).reshape([N, 2 * S])
  return cat([pairs, full([N, 1], blank, 'i32')], 1)
}

/** Where the blank before a label may be left out: before one that differs from the label before. */
function maySkip(labels: Tensor, blank: number): Tensor {
  const [N, width] = labels.shape as [number, number]
  const before = cat(
    [full([N, Math.min(2, width)], blank, 'i32'), labels.slice([], [0, Math.max(0, width - 2)])],
    1,
  )
  return labels.ne(blank).logicalAnd(labels.ne(before))
}

/** Places further along, from nothing. */
function shifted(alpha: Tensor, by: number): Tensor {
  const [N, width] = alpha.shape as [number, number]
  const kept = Math.max(0, width - by)
  return cat([full([N, width - kept], NOTHING), alpha.slice([], [0, kept])], 1)
}

function check(
  logProbs: Tensor,
  targets: Tensor,
  { inputLengths, targetLengths }: CtcOptions,
  blank: number,
): [T: number, N: number, S: number] {
  const [T, N, C] = logProbs.shape as readonly number[]
  const wrong = (got: string, wanted: string) =>
    new BrickError({ kind: 'shape', where: 'ctcLoss', got, wanted })
  if (logProbs.rank !== 3 || T === 0)
    throw wrong(showShape(logProbs.shape), 'log-probabilities [T, N, C] with T ≥ 1')
  if (targets.rank !== 2 || targets.shape[0] !== N)
    throw wrong(`targets ${showShape(targets.shape)}`, `labels [${N}, S]`)
  const most = { inputLengths: T!, targetLengths: targets.shape[1]! }
  for (const [name, lengths] of Object.entries({ inputLengths, targetLengths })) {
    if (!lengths) continue
    if (lengths.shape.join() !== `${N}`)
      throw wrong(`${name} ${showShape(lengths.shape)}`, `[${N}]`)
    requireIndices(`ctcLoss: ${name}`, lengths, most[name as keyof typeof most] + 1, 'length')
  }
  if (!Number.isInteger(blank) || blank < 0 || blank >= C!)
    throw new BrickError({
      kind: 'argument',
      where: 'ctcLoss',
      got: `blank = ${blank}`,
      wanted: `a class from 0 to ${C! - 1}`,
    })
  return [T!, N!, targets.shape[1]!]
}
