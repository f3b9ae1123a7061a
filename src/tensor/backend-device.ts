import { debugging } from '../base/debug.ts'
import { compileGraph } from '../compile/compile.ts'
import type { Device } from '../device/device.ts'
import { printProgram } from '../loop/print.ts'
import { checkProgram } from '../loop/spec.ts'
import type { Backend, Runnable } from './backend.ts'
import { recordProfile } from './profile.ts'

/** The compiler with a device: a task becomes one program, a run one call. */
export function deviceBackend(device: Device): Backend {
  return {
    name: device.name,
    async prepare(task): Promise<Runnable> {
      const program = compileGraph(task, device.target)
      if (debugging('kernels')) console.error(printProgram(program))
      if (debugging('check')) checkProgram(program)
      const profiling = debugging('profile')
      const executable = await device.load(program, profiling)
      if (profiling) await recordProfile(device, executable)
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
