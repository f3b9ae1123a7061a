/** Modules compiled in this process, by content: an equal program is not compiled twice. */
const compiled = new Map<string, Promise<WebAssembly.Module>>()
const MOST = 256

/** Compiles, or finds, a module. */
export function compileModule(code: Uint8Array): Promise<WebAssembly.Module> {
  const key = fingerprint(code)
  const known = compiled.get(key)
  const module = known ?? WebAssembly.compile(code as Uint8Array<ArrayBuffer>)
  compiled.delete(key) // and in again as the newest
  compiled.set(key, module)
  if (known) return known
  module.catch(() => compiled.delete(key))
  if (compiled.size > MOST) compiled.delete(compiled.keys().next().value!)
  return module
}

/** Length and two 32-bit hashes (FNV-1a, and one with another multiplier and order of steps). */
function fingerprint(code: Uint8Array): string {
  let a = 0x811c9dc5
  let b = 0x9e3779b9
  for (const byte of code) {
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b, 0x85ebca6b) + byte
    b ^= b >>> 15
  }
  return `${code.length}:${a >>> 0}:${b >>> 0}`
}
