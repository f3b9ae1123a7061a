import { BrickError } from '../base/errors.ts'
import type { Backend } from './backend.ts'
import { deviceBackend } from './backend-device.ts'
import { interpreterBackend } from './backend-interpreter.ts'

export type BackendName = 'native' | 'wasm' | 'interpreter'

export interface BackendOptions {
  readonly threads?: number
}

/** How each backend is made. */
const backends: { readonly [B in BackendName]: (options: BackendOptions) => Promise<Backend> } = {
  interpreter: async () => interpreterBackend(),
  native: async (options) => {
    const { createNativeDevice } = await import('../device/native/native.ts')
    return deviceBackend(await createNativeDevice(options))
  },
  wasm: async (options) => {
    const { createWasmDevice } = await import('../device/wasm/device.ts')
    return deviceBackend(await createWasmDevice(options))
  },
}

export const backendNames = Object.keys(backends) as readonly BackendName[]

/** The environment's word, `BRICKWORK_BACKEND`, else native where a C compiler works, else wasm. */
export async function chooseBackend(): Promise<Backend> {
  const wish = globalThis.process?.env?.['BRICKWORK_BACKEND']
  if (wish) return createBackend(wish)
  return createBackend((await nativeWorks()) ? 'native' : 'wasm')
}

async function nativeWorks(): Promise<boolean> {
  if (!globalThis.process?.versions?.node) return false
  const { diagnose } = await import('../device/native/diagnose.ts')
  return (await diagnose()).ok
}

/** Makes a backend by name. Throws a BrickError of kind `unknown` or `compiler` that says why it can't be had. */
export async function createBackend(name: string, options: BackendOptions = {}): Promise<Backend> {
  if (!Object.hasOwn(backends, name)) {
    throw new BrickError({
      kind: 'unknown',
      where: 'backend',
      got: `'${name}'`,
      wanted: backendNames.join(', '),
    })
  }
  return backends[name as BackendName](options)
}
