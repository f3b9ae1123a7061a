/**
 * Whether the environment's BRICK_DEBUG, words between commas, asks for this: `kernels` prints
 * programs, `check` holds them against the spec, `profile` says where the time goes.
 */
export function debugging(what: 'kernels' | 'check' | 'profile'): boolean {
  const words = globalThis.process?.env?.['BRICK_DEBUG'] ?? ''
  return words.split(',').includes(what)
}
