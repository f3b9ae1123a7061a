import { compileGraph } from '../compile/compile.ts'
import type { Device } from '../device/device.ts'
import { printProgram } from '../loop/print.ts'
import { checkProgram } from '../loop/spec.ts'
import type { Backend, Runnable } from './backend.ts'

/** Whether BRICK_DEBUG asks for this: `kernels` prints programs, `check` holds them against the spec. */
function debugging(what: string): boolean {
  const words = globalThis.process?.env?.['BRICK_DEBUG'] ?? ''
  return words.split(',').includes(what)
}

/** The compiler with a device: a task becomes one program, a run one call. */
export function deviceBackend(device: Device): Backend {
  return {
    name: device.name,
    async prepare(task): Promise<Runnable> {
      const program = compileGraph(task, device.target)
      if (debugging('kernels')) console.error(printProgram(program))
      if (debugging('check')) checkProgram(program)
      const executable = await device.load(program)
      return {
        run(buffers, outputs) {
          const slots = [
            ...buffers.map((storage) => storage.on(device)),
            ...outputs.map((storage) => storage.blank(device)),
          ]
          const running = device.run(executable, slots)
          for (const { buffer } of task.updates) buffers[buffer]!.written()
          return running
        },
      }
    },
    close: () => device.close(),
  }
}
