import type { Backend } from '../tensor/backend.ts'
import { createBackend } from '../tensor/choose.ts'
import { currentBackend, settle, useBackend } from '../tensor/engine.ts'
import type { BackendFlags } from './flags.ts'

/**
 * Runs `body` on the backend that the flags name, or else on the best one here, and closes it, so
 * that the process can end.
 *
 * @throws BrickError that says why the backend can't be had.
 */
export async function onBackend<T>(
  { backend, threads }: BackendFlags,
  body: (backend: Backend) => Promise<T>,
): Promise<T> {
  const wish = backend ?? process.env['BRICKWORK_BACKEND']
  if (threads !== undefined) process.env['BRICKWORK_THREADS'] = String(threads)
  if (wish) await useBackend(await createBackend(wish, threads === undefined ? {} : { threads }))
  const chosen = await currentBackend()
  try {
    return await body(chosen)
  } finally {
    await settle()
    await chosen.close()
  }
}
