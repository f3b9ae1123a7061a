/** Elements of so many bytes with their bytes in the other order, copied. */
export function swapped(stored: Uint8Array, bytes: number): Uint8Array {
  const copy = stored.slice()
  for (let at = 0; at < copy.length; at += bytes) copy.subarray(at, at + bytes).reverse()
  return copy
}
