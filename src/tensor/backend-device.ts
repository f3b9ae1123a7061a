import { debugging } from '../base/debug.ts'
import { compileGraph } from '../compile/compile.ts'
import type { Device, Executable } from '../device/device.ts'
import { printProgram } from '../loop/print.ts'
import { checkProgram } from '../loop/spec.ts'
import type { Backend, Runnable, Task } from './backend.ts'
import { recordProfile } from './profile.ts'

/** The compiler with a device: a task becomes one program, a run one call. */
export function deviceBackend(device: Device): Backend {
  return {
    name: device.name,
    async prepare(task): Promise<Runnable> {
      const executable = isWatched() ? await watched(device, task) : await ready(device, task)
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

/** The task's program as the device knows it from before, else compiled. */
async function ready(device: Device, task: Task): Promise<Executable> {
  const { key } = task
  const known = await device.recall?.(key)
  return known ?? device.load(compileGraph(task, device.target), { key })
}

/** Whether somebody wants to see programs, or have them looked at: they must be compiled then. */
function isWatched(): boolean {
  return debugging('kernels') || debugging('check') || debugging('profile')
}

async function watched(device: Device, task: Task): Promise<Executable> {
  const program = compileGraph(task, device.target)
  if (debugging('kernels')) console.error(printProgram(program))
  if (debugging('check')) checkProgram(program)
  const timed = debugging('profile')
  const executable = await device.load(program, { timed })
  if (timed) await recordProfile(device, executable)
  return executable
}
