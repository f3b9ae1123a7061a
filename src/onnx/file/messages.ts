/**
 * The messages of the ONNX format, field by field: `[number, type]`; `[]` after a type: repeated.
 * The one list of them, for reading, writing and for the types of what is read.
 *
 * Source: field numbers of the public onnx.proto (github.com/onnx/onnx), IR version 10.
 */
export const messages = {
  ModelProto: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    producerVersion: [3, 'string'],
    domain: [4, 'string'],
    modelVersion: [5, 'int64'],
    docString: [6, 'string'],
    graph: [7, 'GraphProto'],
    opsetImport: [8, 'OperatorSetIdProto[]'],
    metadataProps: [14, 'StringStringEntryProto[]'],
    functions: [25, 'FunctionProto[]'],
  },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  StringStringEntryProto: { key: [1, 'string'], value: [2, 'string'] },
  GraphProto: {
    node: [1, 'NodeProto[]'],
    name: [2, 'string'],
    initializer: [5, 'TensorProto[]'],
    docString: [10, 'string'],
    input: [11, 'ValueInfoProto[]'],
    output: [12, 'ValueInfoProto[]'],
    valueInfo: [13, 'ValueInfoProto[]'],
    sparseInitializer: [15, 'SparseTensorProto[]'],
  },
  NodeProto: {
    input: [1, 'string[]'],
    output: [2, 'string[]'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'AttributeProto[]'],
    docString: [6, 'string'],
    domain: [7, 'string'],
    overload: [8, 'string'],
  },
  AttributeProto: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'TensorProto'],
    g: [6, 'GraphProto'],
    floats: [7, 'float[]'],
    ints: [8, 'int64[]'],
    strings: [9, 'bytes[]'],
    tensors: [10, 'TensorProto[]'],
    graphs: [11, 'GraphProto[]'],
    tp: [14, 'TypeProto'],
    typeProtos: [15, 'TypeProto[]'],
    type: [20, 'int32'],
    refAttrName: [21, 'string'],
    sparseTensor: [22, 'SparseTensorProto'],
    sparseTensors: [23, 'SparseTensorProto[]'],
  },
  FunctionProto: {
    name: [1, 'string'],
    input: [4, 'string[]'],
    output: [5, 'string[]'],
    attribute: [6, 'string[]'],
    node: [7, 'NodeProto[]'],
    docString: [8, 'string'],
    opsetImport: [9, 'OperatorSetIdProto[]'],
    domain: [10, 'string'],
    attributeProto: [11, 'AttributeProto[]'],
    overload: [13, 'string'],
  },
  ValueInfoProto: { name: [1, 'string'], type: [2, 'TypeProto'], docString: [3, 'string'] },
  TypeProto: {
    tensorType: [1, 'TensorTypeProto'],
    sequenceType: [4, 'ElementTypeProto'],
    mapType: [5, 'EmptyProto'],
    denotation: [6, 'string'],
    sparseTensorType: [8, 'TensorTypeProto'],
    optionalType: [9, 'ElementTypeProto'],
  },
  TensorTypeProto: { elemType: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  ElementTypeProto: { elemType: [1, 'TypeProto'] },
  EmptyProto: {},
  TensorShapeProto: { dim: [1, 'DimensionProto[]'] },
  DimensionProto: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
  TensorProto: {
    dims: [1, 'int64[]'],
    dataType: [2, 'int32'],
    floatData: [4, 'float[]'],
    int32Data: [5, 'int32[]'],
    stringData: [6, 'bytes[]'],
    int64Data: [7, 'int64[]'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
    doubleData: [10, 'double[]'],
    uint64Data: [11, 'uint64[]'],
    docString: [12, 'string'],
    externalData: [13, 'StringStringEntryProto[]'],
    dataLocation: [14, 'int32'],
  },
  SparseTensorProto: {
    values: [1, 'TensorProto'],
    indices: [2, 'TensorProto'],
    dims: [3, 'int64[]'],
  },
  /** Values of the test suite that are no tensors. */
  SequenceProto: {
    name: [1, 'string'],
    elemType: [2, 'int32'],
    tensorValues: [3, 'TensorProto[]'],
  },
  OptionalProto: {
    name: [1, 'string'],
    elemType: [2, 'int32'],
    tensorValue: [3, 'TensorProto'],
    sequenceValue: [5, 'SequenceProto'],
  },
} as const

type Messages = typeof messages
export type MessageName = keyof Messages

interface Scalars {
  readonly int32: number
  /** Beyond 2⁵³ the nearest number. */
  readonly int64: number
  readonly uint64: number
  readonly float: number
  readonly double: number
  readonly string: string
  readonly bytes: Uint8Array
}

type Single<T> = T extends keyof Scalars ? Scalars[T] : T extends MessageName ? Message<T> : never

type TypeOf<F> = F extends readonly [number, infer T] ? T : never
type RepeatedKeys<M extends MessageName> = {
  [K in keyof Messages[M]]: TypeOf<Messages[M][K]> extends `${string}[]` ? K : never
}[keyof Messages[M]]

/** A message as it is read: repeated fields are lists, others may be absent. */
export type Message<M extends MessageName> = {
  readonly [K in RepeatedKeys<M>]: TypeOf<Messages[M][K]> extends `${infer T}[]`
    ? readonly Single<T>[]
    : never
} & {
  readonly [K in Exclude<keyof Messages[M], RepeatedKeys<M>>]?: Single<TypeOf<Messages[M][K]>>
}

/** A message as it is written: everything may be left out. */
export type Draft<M extends MessageName> = {
  readonly [K in keyof Messages[M]]?: TypeOf<Messages[M][K]> extends `${infer T}[]`
    ? readonly DraftOf<T>[]
    : DraftOf<TypeOf<Messages[M][K]>>
}
type DraftOf<T> = T extends keyof Scalars ? Scalars[T] : T extends MessageName ? Draft<T> : never

/** AttributeProto.type. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const
