import { compileGraph } from '../compile/compile.ts'
import type { Device } from '../device/device.ts'
import type { Backend, Runnable } from './backend.ts'

/** The compiler with a device: a task becomes one program, a run one call. */
export function deviceBackend(device: Device): Backend {
  return {
    name: device.name,
    async prepare(task): Promise<Runnable> {
      const executable = await device.load(compileGraph(task, device.target))
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
