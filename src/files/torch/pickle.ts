import { BrickError } from '../../base/errors.ts'
import { damaged, refused } from './damaged.ts'
import { type Persistent, PickleEnd, PickleMachine } from './machine.ts'
import { opcodes } from './opcodes.ts'
import type { PickleValue } from './values.ts'

/** More than any checkpoint takes; lists of a single byte each could fill the memory. */
const MOST_OPERATIONS = 5_000_000

/**
 * Reads a pickle that may hold tensors and plain values: opcodes and globals beyond those are
 * refused by name, and nothing of the file is ever run. Memory is bounded by the bytes and the
 * number of operations, of which there may be five million.
 *
 * Source: Python's `pickletools`, protocols 2 to 5.
 *
 * @param start Where it begins.
 * @returns Its value, and where it ends.
 * @throws BrickError `file` that names the opcode or global that is refused, or says what is
 * malformed; {@link PickleEnd} if the bytes end first.
 */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  where: string,
  persistent: Persistent,
): { value: PickleValue; end: number } {
  const machine = new PickleMachine(bytes, start, persistent)
  for (let count = 0; count < MOST_OPERATIONS; count++) {
    const at = machine.position
    const code = machine.byte()
    const [name, handler] = opcodes.get(code) ?? [`0x${code.toString(16)}`]
    if (!handler) throw refused(`${where} at byte ${at}`, `opcode ${name}`)
    try {
      handler(machine)
    } catch (error) {
      if (error instanceof PickleEnd) throw error
      if (error instanceof BrickError) throw error.within(`${where} at byte ${at}`)
      throw damaged(`${where} at byte ${at}`, `what ${name} needs`, (error as Error).message)
    }
    if (machine.result !== undefined) return { value: machine.result, end: machine.position }
  }
  throw damaged(where, `at most ${MOST_OPERATIONS} operations`, 'more')
}
