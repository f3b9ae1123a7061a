/**
 * Index arithmetic as polynomials over i32 (integers modulo 2³², so that reordering is exact).
 * In this form a constant offset, a loop's stride and what does not change in a loop can be read
 * off an index expression, whatever way it was written.
 */

/** A value that the algebra does not look into: a variable, or an operation outside the ring. */
export interface Atom {
  /** Equal keys mean equal values. */
  readonly key: string
  /** Keys of the variables that the value depends on. */
  readonly depends: ReadonlySet<string>
  /** Whether the value is the same wherever its variables are in scope. */
  readonly fixed: boolean
  /** Writes the instructions that push the value. */
  readonly push: () => void
}

export interface Term {
  readonly coefficient: number
  /** Sorted by key. */
  readonly factors: readonly Atom[]
}

export interface Polynomial {
  readonly constant: number
  readonly terms: ReadonlyMap<string, Term>
}

const none: ReadonlyMap<string, Term> = new Map()

export const constant = (value: number): Polynomial => ({ constant: value | 0, terms: none })

export function ofAtom(atom: Atom): Polynomial {
  return { constant: 0, terms: new Map([[atom.key, { coefficient: 1, factors: [atom] }]]) }
}

export const isConstant = (p: Polynomial): boolean => p.terms.size === 0

export function add(a: Polynomial, b: Polynomial): Polynomial {
  const terms = new Map(a.terms)
  for (const [key, term] of b.terms) {
    const coefficient = ((terms.get(key)?.coefficient ?? 0) + term.coefficient) | 0
    if (coefficient === 0) terms.delete(key)
    else terms.set(key, { coefficient, factors: term.factors })
  }
  return { constant: (a.constant + b.constant) | 0, terms }
}

export function scale(p: Polynomial, by: number): Polynomial {
  if (by === 1) return p
  const terms = new Map<string, Term>()
  for (const [key, { coefficient, factors }] of p.terms) {
    const scaled = Math.imul(coefficient, by)
    if (scaled !== 0) terms.set(key, { coefficient: scaled, factors })
  }
  return { constant: Math.imul(p.constant, by), terms }
}

/** The product, or undefined where multiplying out would make it long. */
export function multiply(a: Polynomial, b: Polynomial): Polynomial | undefined {
  if (isConstant(a)) return scale(b, a.constant)
  if (isConstant(b)) return scale(a, b.constant)
  if (a.terms.size * b.terms.size > 8) return undefined
  let product = add(scale({ ...a, constant: 0 }, b.constant), scale(b, a.constant))
  for (const x of a.terms.values()) {
    for (const y of b.terms.values()) product = add(product, ofTerm(timesTerm(x, y)))
  }
  return product
}

function timesTerm(x: Term, y: Term): Term {
  const factors = [...x.factors, ...y.factors].sort((p, q) => (p.key < q.key ? -1 : 1))
  return { coefficient: Math.imul(x.coefficient, y.coefficient), factors }
}

function ofTerm(term: Term): Polynomial {
  if (term.coefficient === 0) return constant(0)
  return { constant: 0, terms: new Map([[keyOfFactors(term.factors), term]]) }
}

const keyOfFactors = (factors: readonly Atom[]): string => factors.map(({ key }) => key).join('*')

/** Equal keys mean equal polynomials, leaving out the constant. */
export function keyOfTerms(p: Polynomial): string {
  const parts = [...p.terms].map(([key, { coefficient }]) => `${coefficient}*${key}`)
  return parts.sort().join('+')
}

export function atomsOf(p: Polynomial): Atom[] {
  return [...p.terms.values()].flatMap(({ factors }) => factors)
}

/**
 * p = slope · v + (terms without v): the slope, or undefined if p is not linear in the variable.
 */
export function slopeOf(p: Polynomial, variable: string): Polynomial | undefined {
  let slope = constant(0)
  for (const { coefficient, factors } of p.terms.values()) {
    const rest = factors.filter(({ key }) => key !== variable)
    if (rest.some(({ depends }) => depends.has(variable))) return undefined
    if (rest.length < factors.length - 1) return undefined
    if (rest.length === factors.length) continue
    slope = add(
      slope,
      rest.length === 0 ? constant(coefficient) : ofTerm({ coefficient, factors: rest }),
    )
  }
  return slope
}
