import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ArrayView } from '../src/base/array.ts'
import { encodeBfloat16, encodeHalf } from '../src/files/half.ts'
import { storedTypes } from '../src/files/stored-types.ts'
import { openSafetensors, readSafetensors, writeSafetensors } from '../src/files/tensor-file.ts'

/** How fast files of weights are decoded and read: node build/bench/files.js */

const MB = 1e6
const BYTES = 32 * MB

/** The best of five, in seconds. */
async function best(action: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 5; i++) {
    const started = performance.now()
    await action()
    least = Math.min(least, (performance.now() - started) / 1000)
  }
  return least
}

const show = (what: string, seconds: number, bytes: number): void =>
  console.log(`${what.padEnd(34)} ${(bytes / MB / seconds).toFixed(0).padStart(6)} MB/s`)

const noise = new Uint8Array(BYTES).map((_, i) => (i * 2654435761) >>> 13)
for (const dtype of ['F16', 'BF16', 'F64', 'I16']) {
  const { decode } = storedTypes[dtype]!
  show(`decode ${dtype}, stored bytes`, await best(() => decode(noise, dtype)), BYTES)
}
const zeros = new Uint8Array(BYTES)
show('decode I64, stored bytes', await best(() => storedTypes['I64']!.decode(zeros, 'I64')), BYTES)
const numbers = Float32Array.from({ length: BYTES / 2 }, (_, i) => Math.sin(i))
show('encode F16, stored bytes', await best(() => encodeHalf(numbers)), BYTES)
show('encode BF16, stored bytes', await best(() => encodeBfloat16(numbers)), BYTES)

const folder = await mkdtemp(join(tmpdir(), 'brickwork-bench-'))
try {
  const path = join(folder, 'many.safetensors')
  const sizes = Array.from({ length: 900 }, (_, i) => (i % 3 === 0 ? 100_000 : 256))
  const arrays = sizes.map((size, i): [string, ArrayView] => [
    `layer.${i}`,
    { dtype: 'f32', shape: [size], data: new Float32Array(size) },
  ])
  await writeSafetensors(path, arrays)
  const bytes = 4 * sizes.reduce((sum, size) => sum + size, 0)
  show('read 900 arrays of f32', await best(() => readSafetensors(path)), bytes)
  const one = await best(async () => {
    const file = await openSafetensors(path)
    await file.read('layer.1')
    await file.close()
  })
  console.log(
    `${'open them and read one of 256'.padEnd(34)} ${(one * 1000).toFixed(1).padStart(6)} ms`,
  )
} finally {
  await rm(folder, { recursive: true })
}
