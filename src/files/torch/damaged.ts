import { BrickError } from '../../base/errors.ts'

/** How much of what is wrong an error shows. */
const SHOWN = 200

/** The error for a file that is not whole, or says what can't be. */
export function damaged(where: string, wanted: string, got: string): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted,
    got: cut(got),
    remedy: 'The checkpoint is not whole: save or download it again.',
  })
}

/** The error for a whole file that holds more than tensors and plain values. */
export function refused(where: string, got: string): BrickError {
  return new BrickError({
    kind: 'file',
    where,
    wanted: 'tensors and plain values, without code',
    got: `${cut(got)}, which is refused`,
    remedy: 'Save the tensors alone in PyTorch: torch.save(model.state_dict(), path).',
  })
}

const cut = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)
