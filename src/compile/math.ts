import { add, binary, f32, fma, i32, mul, select, sub, unary } from '../loop/build.ts'
import type { Expr } from '../loop/ir.ts'

/**
 * Transcendental functions as f32 arithmetic, vectorised on every backend. The polynomials are
 * weighted least-squares fits on Chebyshev nodes of our own; errors are those of the fits, before
 * f32 rounding (each function stays within 2 ulp or so, as the tests check).
 */

/** Gives a value a name, so that it is computed once. */
export interface Naming {
  name: (value: Expr) => Expr
}

/** c₀ + x·(c₁ + x·(…)), by Horner's rule. */
function polynomial(x: Expr, coefficients: readonly number[]): Expr {
  return coefficients
    .slice(0, -1)
    .reduceRight<Expr>((sum, c) => fma(sum, x, f32(c, x.lanes)), f32(coefficients.at(-1)!, x.lanes))
}

const less = (a: Expr, b: Expr): Expr => binary('lt', a, b)
const or = (a: Expr, b: Expr): Expr => binary('or', a, b)
const magnitude = (x: Expr): Expr => unary('abs', x)

/** (eʳ − 1 − r)/r² on |r| ≤ ½ ln 2: 5·10⁻¹¹. */
const EXP = [0.500000008, 0.166666669, 0.0416662538, 0.00833326264, 0.0013947225, 0.000199193776]

/** x = n·ln 2 + r: eʳ and n. */
function reduced(x: Expr, { name }: Naming): { power: Expr; n: Expr } {
  const n = name(unary('floor', fma(x, f32(Math.LOG2E), f32(0.5))))
  const r = name(fma(n, f32(2.1219444e-4), fma(n, f32(-0.693359375), x)))
  return { power: fma(mul(r, r), polynomial(r, EXP), add(r, f32(1))), n: name(unary('toI32', n)) }
}

/** eˣ. 2ⁿ is applied in two halves, so that results may overflow or become denormal. */
export function exp(x: Expr, naming: Naming): Expr {
  const limited = naming.name(binary('max', binary('min', x, f32(89)), f32(-104)))
  const { power, n } = reduced(limited, naming)
  // n = first + second, both inside −126 … 127.
  const second = naming.name(sub(binary('shr', add(n, i32(256)), i32(1)), i32(128)))
  return mul(mul(power, powerOfTwo(sub(n, second))), powerOfTwo(second))
}

/** eˣ for |x| ≤ 87. */
function expWithin(x: Expr, naming: Naming): Expr {
  const { power, n } = reduced(x, naming)
  return mul(power, powerOfTwo(n))
}

const powerOfTwo = (n: Expr): Expr => unary('bitsToF32', binary('shl', add(n, i32(127)), i32(23)))

/** eˣ − 1 without cancellation near 0. */
export function expm1(x: Expr, naming: Naming): Expr {
  const near = less(magnitude(x), f32(0.34))
  const small = fma(mul(x, x), polynomial(x, EXP), x)
  return select(near, small, sub(exp(x, naming), f32(1)))
}

/** (log(1+f) − f + f²/2)/f³ on √½ − 1 … √2 − 1: 8·10⁻¹⁰. */
const LOG = [
  0.333333126, -0.250000096, 0.200021188, -0.166679956, 0.142195506, -0.12405592, 0.118881776,
  -0.116756388, 0.0674659182,
]

/** Natural logarithm: x = 2ᵉ·m with m in √½ … √2. */
export function log(x: Expr, { name }: Naming): Expr {
  const tiny = name(less(x, f32(1.17549435e-38)))
  const scaled = name(select(tiny, mul(x, f32(8388608)), x))
  const bits = name(unary('bitsToI32', scaled))
  // Shifting by the bits of √½ makes the exponent field count from √½.
  const offset = name(sub(bits, i32(0x3f3504f3)))
  const e = name(sub(binary('shr', add(offset, i32(0x3f800000)), i32(23)), i32(127)))
  const m = name(unary('bitsToF32', sub(bits, binary('shl', e, i32(23)))))
  const f = name(sub(m, f32(1)))
  const exponent = name(sub(unary('toF32', e), select(tiny, f32(23), f32(0))))
  const squared = name(mul(f, f))
  const tail = fma(mul(squared, f), polynomial(f, LOG), mul(squared, f32(-0.5)))
  const sum = add(fma(exponent, f32(-2.1219444e-4), tail), f)
  const result = fma(exponent, f32(0.693359375), sum)
  const infinite = binary('eq', x, f32(Number.POSITIVE_INFINITY))
  const positive = select(binary('eq', x, f32(0)), f32(Number.NEGATIVE_INFINITY), result)
  const invalid = or(less(x, f32(0)), binary('ne', x, x))
  return select(invalid, f32(Number.NaN), select(infinite, x, positive))
}

/** log(1 + x): log u plus what rounding u = 1 + x lost. */
export function log1p(x: Expr, naming: Naming): Expr {
  const u = naming.name(add(x, f32(1)))
  const lost = sub(x, sub(u, f32(1)))
  const corrected = add(log(u, naming), binary('div', lost, u))
  const plain = or(binary('eq', u, f32(Number.POSITIVE_INFINITY)), binary('le', u, f32(0)))
  return select(binary('eq', u, f32(1)), x, select(plain, log(u, naming), corrected))
}

/** (tanh(x)/x − 1)/x² in x² below 0.625²: 4·10⁻⁹. */
const TANH = [-0.333332839, 0.133314912, -0.0537434953, 0.020650579, -0.00571703655]

export function tanh(x: Expr, naming: Naming): Expr {
  // Beyond 10 it is 1 in f32.
  const size = naming.name(binary('min', magnitude(x), f32(10)))
  const z = naming.name(mul(x, x))
  const small = fma(mul(z, polynomial(z, TANH)), x, x)
  const power = expWithin(add(size, size), naming)
  const large = naming.name(sub(f32(1), binary('div', f32(2), add(power, f32(1)))))
  const signed = select(less(x, f32(0)), unary('neg', large), large)
  return select(less(size, f32(0.625)), small, signed)
}

/** erf(x)/x − 1 in x² below 0.925²: 4·10⁻¹⁰. */
const ERF_SMALL = [
  0.128379167, -0.37612634, 0.112836987, -0.0268595391, 0.00520130479, -0.000814507805,
  8.37759114e-5,
]
/** log(erfc(x))/x on 0.92 … 4: 4·10⁻¹¹. */
const ERF_LARGE = [
  -1.12846171, -0.63611486, -0.104121611, 0.0211864427, -0.00174434057, -0.000541784772,
  0.00022568494, -3.55522196e-5, 2.22308198e-6,
]

export function erf(x: Expr, naming: Naming): Expr {
  const size = naming.name(binary('min', magnitude(x), f32(4)))
  const z = naming.name(mul(x, x))
  const small = fma(polynomial(z, ERF_SMALL), x, x)
  const large = naming.name(sub(f32(1), expWithin(mul(size, polynomial(size, ERF_LARGE)), naming)))
  const signed = select(less(x, f32(0)), unary('neg', large), large)
  return select(less(size, f32(0.92)), small, signed)
}

/** (sin(x)/x − 1)/x² and (cos(x) − 1 + x²/2)/x⁴ in x² on |x| ≤ π/4. */
const SIN = [-0.166666666, 0.00833332914, -0.000198392566, 2.7175644e-6]
const COS = [0.0416666666, -0.00138888834, 2.47994364e-5, -2.72033036e-7]

/** sin(x + quarter·π/2): x = n·π/2 + r with π/2 in three parts (accurate for |x| up to about 10⁵). */
function sine(x: Expr, quarter: number, { name }: Naming): Expr {
  const n = name(unary('floor', fma(x, f32(0.6366197723675814), f32(0.5))))
  const first = fma(n, f32(-1.5703125), x)
  const r = name(fma(n, f32(-7.54978995489e-8), fma(n, f32(-4.83751296997e-4), first)))
  const z = name(mul(r, r))
  const s = fma(mul(z, polynomial(z, SIN)), r, r)
  const c = fma(mul(z, z), polynomial(z, COS), fma(z, f32(-0.5), f32(1)))
  const turn = name(add(unary('toI32', n), i32(quarter)))
  const odd = binary('ne', binary('and', turn, i32(1)), i32(0))
  const value = name(select(odd, c, s))
  return select(binary('ne', binary('and', turn, i32(2)), i32(0)), unary('neg', value), value)
}

export const sin = (x: Expr, naming: Naming): Expr => sine(x, 0, naming)
export const cos = (x: Expr, naming: Naming): Expr => sine(x, 1, naming)

/** xʸ = e^(y·log |x|) with the signs and special cases of C's pow. */
export function pow(x: Expr, y: Expr, naming: Naming): Expr {
  const size = naming.name(magnitude(x))
  const power = naming.name(exp(mul(y, log(size, naming)), naming))
  const half = mul(y, f32(0.5))
  const whole = binary('eq', unary('floor', y), y)
  const even = binary('eq', unary('floor', half), half)
  const negative = less(x, f32(0))
  const signed = select(even, power, unary('neg', power))
  const real = select(whole, signed, f32(Number.NaN))
  const one = or(binary('eq', y, f32(0)), binary('eq', x, f32(1)))
  return select(one, f32(1), select(negative, real, power))
}
