import { BrickError } from '../base/errors.ts'

/** What the system's error codes mean to the user, and what to do. */
const causes: Readonly<Record<string, readonly [got: string, remedy: string]>> = {
  ENOENT: ['no such file or folder', 'Check the path.'],
  ENOTDIR: ['a file where a folder is needed', 'Choose another path.'],
  EEXIST: ['a file where a folder is needed', 'Choose another path.'],
  EISDIR: ['a folder where a file is needed', 'Choose another path.'],
  ENOSPC: ['a full disk', 'Free some space, or choose another disk.'],
  EDQUOT: ['a used-up quota', 'Free some space, or choose another disk.'],
  EFBIG: ['a file larger than the system allows', 'Raise the limit, or choose another disk.'],
  EACCES: ['no permission', 'Change the permissions, or choose another folder.'],
  EPERM: ['no permission', 'Change the permissions, or choose another folder.'],
  EROFS: ['a read-only file system', 'Choose a folder that can be written.'],
  ENAMETOOLONG: ['a name that is too long', 'Choose a shorter path.'],
  EMFILE: ['too many open files', 'Close some, or raise the limit.'],
  EIO: ['an error of the disk', 'Check the disk.'],
}

/** A failed read or write as the user's error; an error that is one already stays as it is. */
export function fileError(action: 'read' | 'write', path: string, error: unknown): BrickError {
  return systemError(`a file that can be ${action === 'read' ? 'read' : 'written'}`, path, error)
}

/** As {@link fileError}, of a folder whose files are listed. */
export function folderError(path: string, error: unknown): BrickError {
  return systemError('a folder that can be read', path, error)
}

function systemError(wanted: string, path: string, error: unknown): BrickError {
  if (error instanceof BrickError) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  const [got, remedy] = causes[code] ?? [message, undefined]
  return new BrickError({
    kind: 'file',
    where: path,
    wanted,
    got: code in causes ? `${got} (${code})` : got,
    ...(remedy === undefined ? {} : { remedy }),
    cause: error,
  })
}
