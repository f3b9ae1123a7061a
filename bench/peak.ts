import { createNativeDevice } from '../src/device/native/native.ts'
import * as b from '../src/loop/build.ts'
import type { Program } from '../src/loop/ir.ts'

const ROUNDS = 300_000
/** Independent multiply-adds in flight: more than latency × throughput of any core we know. */
const CHAINS = 16

/** Multiply-adds on registers alone: what no kernel can exceed. */
function registerProgram(lanes: number): Program {
  const x = (i: number) => b.variable(`x${i}`, 'f32', lanes)
  const all = Array.from({ length: CHAINS }, (_, i) => i)
  return {
    buffers: [{ name: 'C', dtype: 'f32', size: CHAINS * lanes, slot: 1, offset: 0 }],
    functions: [],
    kernels: [
      {
        name: 'peak',
        chunks: 1,
        scratch: [],
        body: [
          b.declare('m', b.load('C', 'f32', b.i32(0), lanes)),
          ...all.map((i) => b.register(`x${i}`, b.load('C', 'f32', b.i32(i * lanes), lanes))),
          b.loop(
            'r',
            b.i32(0),
            b.i32(ROUNDS),
            all.map((i) => b.set(`x${i}`, b.fma(x(i), b.variable('m', 'f32', lanes), x(i)))),
          ),
          ...all.map((i) => b.store('C', b.i32(i * lanes), x(i))),
        ],
        flops: 0,
        bytes: 0,
        origin: 'peak',
      },
    ],
    slots: 2,
    arenaBytes: 0,
  }
}

/** A meter of one core's multiply-add peak at a vector width, in GFLOP/s. */
export interface PeakMeter {
  readonly lanes: number
  measure(): Promise<number>
}

/** Meters for the machine's own width and for 128 bits, the width of WebAssembly's vectors. */
export async function peakMeters(): Promise<{ own: PeakMeter; narrow: PeakMeter }> {
  const device = await createNativeDevice({ threads: 1 })
  const meter = async (lanes: number): Promise<PeakMeter> => {
    const executable = await device.load(registerProgram(lanes))
    const slots = [device.allocate(CHAINS * lanes * 4)]
    return {
      lanes,
      async measure() {
        const start = performance.now()
        await device.run(executable, slots)
        return (2 * CHAINS * lanes * ROUNDS) / (performance.now() - start) / 1e6
      },
    }
  }
  return { own: await meter(device.target.lanes), narrow: await meter(4) }
}
