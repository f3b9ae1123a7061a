/** What a JSON value must be: the first thing that it is not, as `history[3].epoch: a number`. */
export type Shape = (value: unknown, path: string) => string | undefined

const being =
  (what: string, isSo: (value: unknown) => boolean): Shape =>
  (value, path) =>
    isSo(value) ? undefined : `${path}: ${what}`

export const aNumber = being('a number', (value) => typeof value === 'number')
export const aText = being('a text', (value) => typeof value === 'string')
export const anObject = being('an object', isObject)

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What may be left out or null: JSON has no NaN. */
export const maybe =
  (shape: Shape): Shape =>
  (value, path) =>
    value === undefined || value === null ? undefined : shape(value, path)

export const listOf =
  (shape: Shape): Shape =>
  (value, path) => {
    if (!Array.isArray(value)) return `${path}: a list`
    for (const [i, item] of value.entries()) {
      const bad = shape(item, `${path}[${i}]`)
      if (bad) return bad
    }
    return undefined
  }

/** An object with these members, and others. */
export const objectOf =
  (members: Readonly<Record<string, Shape>>): Shape =>
  (value, path) => {
    if (!isObject(value)) return `${path}: an object`
    for (const [name, shape] of Object.entries(members)) {
      const inner = Object.hasOwn(value, name) ? value[name] : undefined
      const bad = shape(inner, path ? `${path}.${name}` : name)
      if (bad) return bad
    }
    return undefined
  }

/** An object all of whose members are so. */
export const mapOf =
  (shape: Shape): Shape =>
  (value, path) => {
    if (!isObject(value)) return `${path}: an object`
    const members = Object.fromEntries(Object.keys(value).map((name) => [name, shape]))
    return objectOf(members)(value, path)
  }
