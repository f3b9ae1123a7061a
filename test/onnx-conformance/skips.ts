import { codeName, elementType } from '../../src/onnx/file/element-types.ts'
import type { Message } from '../../src/onnx/file/messages.ts'
import type { OnnxFile } from '../../src/onnx/file/read.ts'
import { LAST_OPSET, showOperator, unknownOperators } from '../../src/onnx/run/check.ts'
import { functionKey } from '../../src/onnx/run/graph-run.ts'
import { type Slot, Value } from '../../src/onnx/run/value.ts'

/**
 * Why a model is not run; decided by looking at the file alone, before anything is computed, so that
 * nothing that runs and is wrong can be skipped.
 */
export function reasonToSkip({ graph, model, opsets }: Parts): string | undefined {
  const version = opsets.get('') ?? 1
  if (version > LAST_OPSET) return `opset ${version}`
  const types = [...typesOf(graph)].find((code) => code !== 0 && !elementType(code))
  if (types !== undefined) return `element type ${codeName(types)}`
  const functions = new Map(
    model.functions.map((f) => [functionKey(f.domain, f.name, f.overload), f] as const),
  )
  const [missing] = unknownOperators({ graph, opsets } as OnnxFile, functions)
  if (missing) return `operator ${showOperator(missing)}`
  const drawn = graph.node.find(({ opType = '' }) => random.has(opType))
  if (drawn) return `random numbers of ${drawn.opType}`
  return undefined
}

/** Why inputs are not run: what they are says so, before anything is computed. */
export function reasonInData(
  graph: Message<'GraphProto'>,
  sets: readonly ReadonlyMap<string, Slot>[],
): string | undefined {
  const numbers = (set: ReadonlyMap<string, Slot>, name: string | undefined) => {
    const slot = set.get(name ?? '')
    return slot instanceof Value ? Array.from(slot.host?.data ?? []) : []
  }
  const tooLarge = (value: number) => Number.isFinite(value) && !Number.isFinite(Math.fround(value))
  for (const set of sets) {
    for (const name of set.keys()) {
      if (numbers(set, name).some(tooLarge)) return 'numbers beyond the range of f32'
    }
    const drops = graph.node.some(({ opType, input }) => {
      const [ratio = 0.5] = numbers(set, input[1])
      return opType === 'Dropout' && numbers(set, input[2])[0] === 1 && ratio !== 0
    })
    if (drops) return 'random numbers of Dropout'
  }
  return undefined
}

/** What is needed of a file. */
export type Parts = Pick<OnnxFile, 'graph' | 'model' | 'opsets'>

/** Each library draws its own numbers. */
const random: ReadonlySet<string> = new Set([
  'Bernoulli',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
])

/** Element types of what goes in and out, and of casts. */
function* typesOf(graph: Message<'GraphProto'>): Iterable<number> {
  for (const { type } of [...graph.input, ...graph.output]) yield* typesIn(type)
  for (const { dataType } of graph.initializer) yield dataType ?? 0
  for (const { opType, attribute } of graph.node) {
    for (const { name, i, t, g } of attribute) {
      if (opType === 'Cast' && name === 'to') yield i ?? 0
      if (t) yield t.dataType ?? 0
      if (g) yield* typesOf(g)
    }
  }
}

function* typesIn(type: Message<'TypeProto'> | undefined): Iterable<number> {
  if (!type) return
  yield type.tensorType?.elemType ?? 0
  yield* typesIn(type.sequenceType?.elemType)
  yield* typesIn(type.optionalType?.elemType)
}
