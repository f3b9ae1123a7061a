import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileError } from '../files/errors.ts'
import { makeFolder } from '../files/folders.ts'

/**
 * A new folder for a run of a network on some data: the first of `runs/lenet-digits-1`,
 * `runs/lenet-digits-2`, … that is free.
 *
 * @throws BrickError `file` if it can't be made.
 */
export async function freshRunFolder(model: string, data: string): Promise<string> {
  const name = `${model.replaceAll(/[:/]/g, '-')}-${basename(data)}`
  try {
    await makeFolder('runs')
    for (let number = 1; ; number++) {
      const folder = join('runs', `${name}-${number}`)
      if (existsSync(folder)) continue
      await mkdir(folder)
      return folder
    }
  } catch (error) {
    throw fileError('write', 'runs', error)
  }
}
