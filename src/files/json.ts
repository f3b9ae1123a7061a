/**
 * The first key that stands twice in one object of a valid JSON text; JSON.parse would keep the
 * last of them without a word.
 */
export function duplicateKey(json: string): string | undefined {
  const open: (Set<string> | undefined)[] = []
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]]/g
  for (const { 0: token, index } of json.matchAll(tokens)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else {
      const keys = open.at(-1)
      if (!keys || !isKey(json, index + token.length)) continue
      const key: string = JSON.parse(token)
      if (keys.has(key)) return key
      keys.add(key)
    }
  }
  return undefined
}

/** Whether a colon follows. */
function isKey(json: string, position: number): boolean {
  while (' \t\n\r'.includes(json[position]!)) position++
  return json[position] === ':'
}
