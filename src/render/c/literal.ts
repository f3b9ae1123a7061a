/** A float as C reads it back exactly: the fewest digits that do. */
export function floatLiteral(value: number): string {
  const x = Math.fround(value)
  if (Number.isNaN(x)) return '__builtin_nanf("")'
  if (!Number.isFinite(x)) return x > 0 ? '__builtin_inff()' : '(-__builtin_inff())'
  if (Object.is(x, -0)) return '(-0.0f)'
  let text = String(x)
  for (let digits = 1; digits <= 9; digits++) {
    const short = Number(x.toPrecision(digits))
    if (Math.fround(short) !== x) continue
    text = String(short)
    break
  }
  const literal = /[.e]/.test(text) ? `${text}f` : `${text}.0f`
  return x < 0 ? `(${literal})` : literal
}

/** An integer; C has no literal for −2³¹. */
export function integerLiteral(value: number): string {
  const x = value | 0
  if (x === -2147483648) return '(-2147483647 - 1)'
  return x < 0 ? `(${x})` : String(x)
}
