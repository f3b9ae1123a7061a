import { dtypes, type TypedArray } from '../base/dtype.ts'
import { interpret, type Values } from '../interpreter/interpreter.ts'
import type { Backend, Runnable, Task } from './backend.ts'

/** The oracle as a backend: every op in double precision, stored in the tensor's dtype. */
export function interpreterBackend(): Backend {
  return {
    name: 'interpreter',
    prepare: async (task) => runnable(task),
    close: async () => {},
  }
}

function runnable({ buffers, outputs, updates }: Task): Runnable {
  return {
    run(storages, results) {
      const roots = [...outputs, ...updates.map((update) => update.value)]
      const values = interpret(roots, (node) => storages[buffers.indexOf(node)]!.read())
      results.forEach((storage, i) => {
        storage.replace(stored(values[i]!, storage.dtype))
      })
      updates.forEach(({ buffer }, i) => {
        const storage = storages[buffer]!
        storage.replace(stored(values[outputs.length + i]!, storage.dtype))
      })
      return undefined
    },
  }
}

function stored(values: Values, dtype: keyof typeof dtypes): TypedArray {
  const out = new dtypes[dtype].array(values.length)
  out.set(values)
  return out
}
