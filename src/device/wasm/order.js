// @ts-check
/**
 * The order of a program's kernels, for workers (plain JavaScript that runs unbuilt) and the
 * calling thread alike.
 *
 * @typedef {object} Again What comes after the last kernel of a loop.
 * @property {number} times Rounds of the loop.
 * @property {number} back Kernels before the last one in it.
 * @property {number} counter Where in the arena the kernels count the rounds, in bytes.
 */

/**
 * The kernel that comes after this one: the next, or the first of a loop that is not done.
 *
 * @param {number} kernel
 * @param {Again | undefined} again Of this kernel.
 * @param {ArrayBufferLike} memory
 * @param {number} slots The slot table's address; its first word is the arena's.
 * @returns {number}
 */
export function following(kernel, again, memory, slots) {
  if (!again) return kernel + 1
  const [arena = 0] = new Uint32Array(memory, slots, 1)
  const [round = 0] = new Int32Array(memory, arena + again.counter, 1)
  return round < again.times ? kernel - again.back : kernel + 1
}
