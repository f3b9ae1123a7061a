import type { RegisterType, StorageType } from '../../loop/ir.ts'
import { storageBytes } from '../../loop/ir.ts'
import { elementText, type Helper, scalarType } from './ops.ts'

/** The lanes of one step, as text: `for (int i = 0; i < 16; i++) r[i] = …;` */
const lanewise = (lanes: number, statement: string): string =>
  `  for (int i = 0; i < ${lanes}; i++) ${statement}`

type FoldOp = 'add' | 'mul' | 'min' | 'max' | 'or' | 'and'

const foldStep: { readonly [O in FoldOp]: (a: string, b: string, wrap: boolean) => string } = {
  add: (a, b, wrap) => (wrap ? `(int)((unsigned)${a} + (unsigned)${b})` : `${a} + ${b}`),
  mul: (a, b, wrap) => (wrap ? `(int)((unsigned)${a} * (unsigned)${b})` : `${a} * ${b}`),
  min: (a, b) => `${a} != ${a} ? ${a} : ${a} < ${b} ? ${a} : ${b}`,
  max: (a, b) => `${a} != ${a} ? ${a} : ${a} > ${b} ? ${a} : ${b}`,
  or: (a, b) => `${a} | ${b}`,
  and: (a, b) => `${a} & ${b}`,
}

/**
 * Collects the vector types and helper functions that a translation unit uses, so that it holds no
 * others: what a compiler needn't read costs no time.
 */
export class Prelude {
  private readonly types = new Map<string, string>()
  private readonly helpers = new Map<string, string>()

  /** Vector types of these lanes and the helpers over them, in the order of their first use. */
  text(): string {
    return [[...this.types.values()].join('\n'), ...this.helpers.values()]
      .filter((part) => part !== '')
      .join('\n\n')
  }

  /** The C type of a value: `float`, `f32x16`; a mask is a vector of ints, 0 or −1 in each lane. */
  type(dtype: RegisterType, lanes: number): string {
    if (lanes === 1) return scalarType[dtype]
    return dtype === 'f32' ? this.vector('f32', lanes) : this.vector('i32', lanes)
  }

  /** The unsigned twin of an i32 type. */
  unsigned(lanes: number): string {
    return lanes === 1 ? 'unsigned' : this.vector('u32', lanes)
  }

  splat(dtype: RegisterType, lanes: number): string {
    const type = this.type(dtype, lanes)
    const element = dtype === 'bool' ? '-x' : 'x'
    const name = dtype === 'bool' ? `boolx${lanes}_splat` : `${type}_splat`
    const items = new Array<string>(lanes).fill(element).join(', ')
    return this.helper(name, type, `${scalarType[dtype]} x`, [`  return (${type}){${items}};`])
  }

  ramp(lanes: number): string {
    const type = this.type('i32', lanes)
    const items = Array.from({ length: lanes }, (_, i) => i).join(', ')
    const base = `(${type}){${new Array<string>(lanes).fill('x').join(', ')}}`
    return this.helper(`${type}_ramp`, type, 'int x', [`  return ${base} + (${type}){${items}};`])
  }

  /** Lanes of a followed by b, picked. Older compilers know the builtin by another name. */
  shuffle(dtype: RegisterType, lanes: number, pick: readonly number[]): string {
    const type = this.type(dtype, lanes)
    const mask = this.type('i32', lanes)
    const list = pick.join(', ')
    return this.helper(`${type}_shuffle_${pick.join('_')}`, type, `${type} a, ${type} b`, [
      '#if defined(__clang__) || __GNUC__ >= 12',
      `  return __builtin_shufflevector(a, b, ${list});`,
      '#else',
      `  return __builtin_shuffle(a, b, (${mask}){${list}});`,
      '#endif',
    ])
  }

  /** yes where the mask is set, else no, lane by lane. */
  select(dtype: RegisterType, lanes: number): string {
    const type = this.type(dtype, lanes)
    const mask = this.type('bool', lanes)
    return this.helper(`${type}_select`, type, `${mask} mask, ${type} yes, ${type} no`, [
      `  return ${chosen(type, mask, ['yes', 'no'])};`,
    ])
  }

  /** A helper row of the dialect as a function of scalars or vectors. */
  row(
    op: string,
    row: Helper,
    from: RegisterType,
    to: RegisterType,
    lanes: number,
    parameters: readonly string[],
  ): string {
    const operand = this.type(from, lanes)
    const type = this.type(to, lanes)
    const list = parameters.map((name) => `${operand} ${name}`).join(', ')
    const name = `${lanes === 1 ? from : operand}_${op}`
    const steps =
      lanes === 1 ? scalarSteps(row, type) : laneSteps(row, type, this.type('bool', lanes), lanes)
    return this.helper(name, type, list, steps)
  }

  load(storage: StorageType, lanes: number): string {
    const type = this.type(storage === 'f32' ? 'f32' : 'i32', lanes)
    const name = `${storage}x${lanes}_load`
    const parameter = `const ${elementText[storage].type} *p`
    if (storage === 'f32' || storage === 'i32') {
      return this.helper(name, type, parameter, [`  return *(const ${this.loose(type)} *)p;`])
    }
    const bytes = this.vector('u8', lanes)
    const wide = `__builtin_convertvector(__builtin_convertvector(v, ${this.vector('i16', lanes)}), ${type})`
    return this.helper(name, type, parameter, [
      `  ${bytes} v;`,
      `  __builtin_memcpy(&v, p, ${lanes});`,
      `  return ${storage === 'bool' ? `${wide} != 0` : wide};`,
    ])
  }

  store(storage: StorageType, lanes: number): string {
    const type = this.type(storage === 'f32' ? 'f32' : 'i32', lanes)
    const name = `${storage}x${lanes}_store`
    const parameters = `${elementText[storage].type} *p, ${type} v`
    if (storage === 'f32' || storage === 'i32') {
      return this.helper(name, 'void', parameters, [`  *(${this.loose(type)} *)p = v;`])
    }
    const short = this.vector('i16', lanes)
    const bytes = this.vector('u8', lanes)
    const value = storage === 'bool' ? '-v' : 'v'
    return this.helper(name, 'void', parameters, [
      `  ${bytes} b = __builtin_convertvector(__builtin_convertvector(${value}, ${short}), ${bytes});`,
      `  __builtin_memcpy(p, &b, ${lanes});`,
    ])
  }

  /** A store of f32 that goes past the caches where the processor has such a thing and the place is even. */
  stream(lanes: number): string {
    const type = this.type('f32', lanes)
    const store = this.store('f32', lanes)
    const builtin = { 16: '512', 8: '256', 4: '' }[lanes]
    if (builtin === undefined) return store
    const feature = { 16: '__AVX512F__', 8: '__AVX__', 4: '__SSE__' }[lanes]
    return this.helper(`f32x${lanes}_stream`, 'void', `float *p, ${type} v`, [
      `  if ((__UINTPTR_TYPE__)p & ${lanes * 4 - 1}) {`,
      `    ${store}(p, v);`,
      '    return;',
      '  }',
      '#if defined(__clang__)',
      `  __builtin_nontemporal_store(v, (${type} *)p);`,
      `#elif defined(${feature})`,
      `  __builtin_ia32_movntps${builtin}(p, v);`,
      '#else',
      `  ${store}(p, v);`,
      '#endif',
    ])
  }

  /** Has others see streamed stores before anything that is stored after them. */
  fence(): string {
    return this.helper('stream_fence', 'void', 'void', [
      '#if defined(__SSE__)',
      '  __builtin_ia32_sfence();',
      '#else',
      '  __atomic_thread_fence(__ATOMIC_RELEASE);',
      '#endif',
    ])
  }

  /** Lane i with lane i + n/2, halving n; a mask folds to 0 or −1. */
  fold(op: FoldOp, dtype: RegisterType, lanes: number): string {
    const scalar = scalarType[dtype]
    const type = this.type(dtype, lanes)
    const steps: string[] = []
    for (let half = lanes / 2; half >= 1; half /= 2) {
      const step = foldStep[op]('t[i]', `t[i + ${half}]`, dtype !== 'f32')
      steps.push(lanewise(half, `t[i] = ${step};`))
    }
    return this.helper(`${type}_fold_${op}`, scalar, `${type} x`, [
      `  ${scalar} t[${lanes}];`,
      lanewise(lanes, 't[i] = x[i];'),
      ...steps,
      '  return t[0];',
    ])
  }

  private vector(element: 'f32' | 'i32' | 'u32' | 'i16' | 'u8', lanes: number): string {
    const name = `${element}x${lanes}`
    const base = { f32: 'float', i32: 'int', u32: 'unsigned', i16: 'short', u8: 'unsigned char' }
    const size = { f32: 4, i32: 4, u32: 4, i16: 2, u8: 1 }[element] * lanes
    this.types.set(name, `typedef ${base[element]} ${name} __attribute__((vector_size(${size})));`)
    return name
  }

  /** The same vector in memory, at any element. */
  private loose(type: string): string {
    const name = `${type}_loose`
    const attributes = `aligned(${storageBytes.f32}), may_alias`
    this.types.set(name, `typedef ${type} ${name} __attribute__((${attributes}));`)
    return name
  }

  private helper(name: string, type: string, parameters: string, body: readonly string[]): string {
    if (!this.helpers.has(name)) {
      const head = `INLINE ${type} ${name}(${parameters}) {`
      this.helpers.set(name, [head, ...body, '}'].join('\n'))
    }
    return name
  }
}

/** The lanes of one vector where a mask is set, of the other where it is not. */
const chosen = (type: string, mask: string, [yes, no]: readonly [string, string]): string =>
  `(${type})((mask & (${mask})${yes}) | (~mask & (${mask})${no}))`

function scalarSteps({ lane, unless }: Helper, type: string): string[] {
  const first = `  ${type} r = ${lane};`
  return [first, unless === undefined ? '  return r;' : `  return ${unless} ? a : r;`]
}

/** The row's text once for each lane: operands and results are indexed. */
function laneSteps({ lane, unless }: Helper, type: string, mask: string, lanes: number): string[] {
  const step = `r[i] = ${lane.replace(/\b[abxr]\b/g, '$&[i]')};`
  const first = [`  ${type} r;`, lanewise(lanes, step)]
  if (unless === undefined) return [...first, '  return r;']
  return [...first, `  ${mask} mask = ${unless};`, `  return ${chosen(type, mask, ['a', 'r'])};`]
}
