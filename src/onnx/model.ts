import { BrickError } from '../base/errors.ts'
import { showShape } from '../base/shape.ts'
import { Module } from '../nn/module/module.ts'
import { parameter } from '../nn/module/parameter.ts'
import { Tensor, variable } from '../tensor/tensor.ts'
import type { ElementType } from './file/element-types.ts'
import { arrayView } from './file/host-array.ts'
import type { OnnxFile } from './file/read.ts'
import { checkOperators } from './run/check.ts'
import { functionKey, MOST_NODES, Names, type Run, runNodes } from './run/graph-run.ts'
import { type Port, portOf } from './run/ports.ts'
import { rolesOf } from './run/roles.ts'
import { type Slot, Value } from './run/value.ts'

/**
 * A network from an ONNX file. Its float initialisers are parameters (running statistics: buffers)
 * under the names that they have in the file; it can be trained, frozen, saved and exported like any
 * other. It begins in evaluation mode; in training mode batch normalisation uses the batch's
 * statistics and dropout acts.
 *
 * Half and double precision are computed in f32, integers in 32 bits.
 *
 * @example
 * ```ts
 * const model = await onnx.load('squeezenet.onnx')
 * const scores = model.forward(images)
 * ```
 */
export class OnnxModel extends Module<[x: Tensor], Tensor> {
  /** What it takes: names, element types, and sizes, of which some may be free (a name). */
  readonly inputs: readonly Port[]
  /** What it gives. */
  readonly outputs: readonly Port[]
  /** The file's name, for errors. */
  private readonly title: string
  /** Without its initialisers: they are states now, and need not be kept twice. */
  private readonly graph: OnnxFile['graph']
  private readonly opsets: OnnxFile['opsets']
  private readonly states: ReadonlyMap<
    string,
    { readonly type: ElementType; readonly state: Tensor }
  >
  private readonly constants: ReadonlyMap<string, Value>
  private readonly functions: Run['functions']

  /** @internal See `onnx.load`. */
  constructor(file: OnnxFile) {
    super()
    this.title = file.name
    this.graph = { ...file.graph, initializer: [], sparseInitializer: [] }
    this.opsets = file.opsets
    this.functions = new Map(
      file.model.functions.map((f) => [functionKey(f.domain, f.name, f.overload), f] as const),
    )
    checkOperators(file, this.functions)
    const given = ({ name }: { readonly name?: string }) => file.initializers.has(name ?? '')
    this.inputs = file.graph.input.filter((i) => !given(i)).map((i) => portOf(i))
    this.outputs = file.graph.output.map((o) => portOf(o))
    const roles = rolesOf(file)
    const states = new Map<string, { type: ElementType; state: Tensor }>()
    const constants = new Map<string, Value>()
    for (const [name, array] of file.initializers) {
      const role = roles(name, array)
      if (role === 'constant') constants.set(name, Value.constant(array))
      else {
        const { data, shape, dtype } = arrayView(array)
        const initial = Tensor.of(data, shape, dtype)
        const state = role === 'parameter' ? parameter(initial) : variable(initial)
        states.set(name, { type: array.type, state })
      }
    }
    this.states = states
    this.constants = constants
    this.training = false
  }

  protected override *fields(): Iterable<readonly [string, unknown]> {
    for (const [name, { state }] of this.states) yield [name, state]
  }

  /**
   * The one output of the inputs in the file's order.
   *
   * @throws BrickError `argument` for a network of several outputs (see {@link run}), `shape` or `dtype`
   * for inputs that are not what the file says.
   */
  forward(...inputs: Tensor[]): Tensor {
    const [only, another] = this.outputs
    if (!only || another) {
      throw this.refuse(
        `${this.outputs.length} outputs`,
        'one output',
        'Use run({ name: tensor }).',
      )
    }
    if (inputs.length !== this.inputs.length) {
      const names = this.inputs.map(({ name }) => name).join(', ')
      throw this.refuse(`${inputs.length} inputs`, `${this.inputs.length}: ${names}`)
    }
    const named = Object.fromEntries(this.inputs.map(({ name }, i) => [name, inputs[i]!]))
    return this.run(named)[only.name]!
  }

  /**
   * All outputs by name.
   *
   * @throws BrickError `argument` for missing or unknown names, `shape` or `dtype` for inputs that are
   * not what the file says.
   * @example
   * ```ts
   * const { boxes, scores } = model.run({ image, threshold: tensor(0.5) })
   * ```
   */
  run(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const values = new Map<string, Value>()
    for (const port of this.inputs) values.set(port.name, this.input(port, inputs[port.name]))
    const unknown = Object.keys(inputs).find((name) => !values.has(name))
    if (unknown !== undefined) {
      const names = this.inputs.map(({ name }) => name).join(', ')
      throw this.refuse(`an input '${unknown}'`, names)
    }
    return Object.fromEntries(
      [...this.runValues(values)].map(([name, value]) => {
        if (value instanceof Value) return [name, value.tensor]
        throw this.refuse(`output '${name}', which is no tensor`, 'tensors')
      }),
    )
  }

  /** @internal All outputs by name, of inputs in the file's order. */
  runAll(inputs: readonly Tensor[]): Record<string, Tensor> {
    return this.run(Object.fromEntries(this.inputs.map(({ name }, i) => [name, inputs[i]!])))
  }

  /** @internal The same of values, among them lists of tensors, with the file's element types. */
  runValues(inputs: ReadonlyMap<string, Slot>): Map<string, Slot> {
    const names = new Names()
    for (const [name, { type, state }] of this.states) names.set(name, Value.of(type, state))
    for (const [name, value] of this.constants) names.set(name, value)
    for (const [name, value] of inputs) names.set(name, value)
    const run = {
      file: this.title,
      training: this.training,
      opsets: this.opsets,
      functions: this.functions,
      budget: { left: MOST_NODES },
    }
    runNodes(this.graph.node, names, run)
    return new Map(this.outputs.map(({ name }) => [name, names.get(name)]))
  }

  private input(port: Port, given: Tensor | undefined): Value {
    if (!(given instanceof Tensor)) {
      throw this.refuse(`no tensor for input '${port.name}'`, showPort(port))
    }
    const { type, sizes } = port
    const fits =
      !sizes ||
      (sizes.length === given.rank &&
        // A batch of another size than the file's is tried: most networks take it.
        sizes.every((n, i) => typeof n !== 'number' || n === given.shape[i] || i === 0))
    if (!type || !fits) {
      throw this.refuse(
        `input '${port.name}' ${showShape(given.shape)}`,
        showPort(port),
        undefined,
        'shape',
      )
    }
    if (given.dtype === 'f32' && type.dtype !== 'f32') {
      throw this.refuse(
        `input '${port.name}' of f32`,
        `${type.dtype}`,
        `Convert it with .to('${type.dtype}').`,
        'dtype',
      )
    }
    return Value.of(type, given)
  }

  private refuse(
    got: string,
    wanted: string,
    remedy?: string,
    kind: 'argument' | 'shape' | 'dtype' = 'argument',
  ): BrickError {
    return new BrickError({
      kind,
      where: this.title,
      got,
      wanted,
      ...(remedy ? { remedy } : {}),
    })
  }

  protected override describe(): string {
    return [...this.inputs, ...this.outputs].map(showPort).join(', ')
  }
}

function showPort({ name, type, sizes }: Port): string {
  return `${name} ${type?.name ?? ''}${sizes ? ` [${sizes.map((n) => n ?? '?').join(', ')}]` : ''}`
}
