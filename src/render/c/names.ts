/** Names that C, its library or the renderer itself has taken. */
const reserved = new Set(
  (
    'auto break case char const continue default do double else enum extern float for goto if ' +
    'inline int long register restrict return short signed sizeof static struct switch typedef ' +
    'union unsigned void volatile while main memcpy memset memmove memcmp slots scratch'
  ).split(' '),
)
/** Vector types and helpers (`f32x16_max`), kernels, functions, and what the runtime looks up. */
const patterns =
  /^(?:[fiu]\d+(?:x\d+)?(?:_.*)?|bool(?:x\d+)?_.*|(?:kernel|shared|fn|brick)_.*|_.*)$/

/**
 * A name of the loop language as C accepts it: the same, or with one more underscore where the
 * name is taken. Distinct names stay distinct, because a trailing underscore also gets one more.
 */
export function identifier(name: string): string {
  if (name.endsWith('_') || reserved.has(name)) return `${name}_`
  return patterns.test(name) ? `v_${name}_` : name
}
