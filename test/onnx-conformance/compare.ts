import { sameShape, showShape } from '../../src/base/shape.ts'
import { type Slot, Value } from '../../src/onnx/run/value.ts'

/** The tolerances of the ONNX project's own runner. */
export const RELATIVE = 1e-3
/** One unit in the last place of bfloat16: the suite cuts off where the format says to round. */
export const RELATIVE_BFLOAT16 = 2 ** -7
export const ABSOLUTE = 1e-7

/** What is wrong with an output, if anything: kind, element type, shape, and values. */
export async function compareSlots(got: Slot, wanted: Slot): Promise<string | undefined> {
  if (wanted === undefined || got === undefined) {
    return wanted === got ? undefined : `${wanted ? 'nothing' : 'something'} came out`
  }
  if (wanted instanceof Value && got instanceof Value) return compareValues(got, wanted)
  if (wanted instanceof Value || got instanceof Value) return 'a list and a tensor'
  if (got.items.length !== wanted.items.length) {
    return `a list of ${got.items.length} instead of ${wanted.items.length}`
  }
  for (const [i, item] of wanted.items.entries()) {
    const difference = await compareValues(got.items[i]!, item)
    if (difference) return `item ${i}: ${difference}`
  }
  return undefined
}

async function compareValues(got: Value, wanted: Value): Promise<string | undefined> {
  if (got.type !== wanted.type) return `${got.type.name} instead of ${wanted.type.name}`
  if (!sameShape(got.shape, wanted.shape)) {
    return `shape ${showShape(got.shape)} instead of ${showShape(wanted.shape)}`
  }
  const values = got.host?.data ?? (await got.tensor.data())
  const unsigned = got.type.name === 'uint32'
  const expected = wanted.host!.data
  const relative = wanted.type.name === 'bfloat16' ? RELATIVE_BFLOAT16 : RELATIVE
  const exact = wanted.type.range !== undefined
  for (const [i, want] of expected.entries()) {
    const value = unsigned ? values[i]! >>> 0 : values[i]!
    if (!(exact ? value === want : isClose(value, want, relative))) {
      return `${value} instead of ${want} at ${i} of ${expected.length}`
    }
  }
  return undefined
}

function isClose(value: number, wanted: number, relative: number): boolean {
  if (Object.is(value, wanted) || value === wanted) return true
  if (Number.isNaN(wanted) || !Number.isFinite(wanted))
    return Number.isNaN(value) && Number.isNaN(wanted)
  return Math.abs(value - wanted) <= ABSOLUTE + relative * Math.abs(wanted)
}
