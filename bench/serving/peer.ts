/**
 * The same requests answered by onnxruntime-node behind the same framework, one run for each request:
 * `node peer.js lenet|squeezenet1_1 MAX_BATCH THREADS`. Its first line is its address.
 */
import fastify from 'fastify'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { models, useBackend } from '../../src/index.ts'
import { serialize } from '../../src/onnx/onnx.ts'
import type { InferBody } from '../../src/serve/infer-message.ts'
import { interpreterBackend } from '../../src/tensor/backend-interpreter.ts'

const [name = '', , threads] = process.argv.slice(2)
const kinds = {
  lenet: { inputShape: [1, 28, 28], classes: 10 },
  squeezenet1_1: { inputShape: [3, 224, 224], classes: 1000 },
} as const

await useBackend(interpreterBackend())
const sizes = kinds[name as keyof typeof kinds]
const model = models.createModel(name, sizes).eval()
const session = await InferenceSession.create(
  await serialize(model, { inputs: [[1, ...sizes.inputShape]] }),
  { intraOpNumThreads: Number(threads) },
)
const [input = '', output = ''] = [session.inputNames[0], session.outputNames[0]]

const HEADER = 'inference-header-content-length'
const app = fastify({ bodyLimit: 2 ** 24 })
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
app.post<{ Body: Buffer }>(`/v2/models/${name}/infer`, async ({ body, headers }, reply) => {
  const length = Number(headers[HEADER] ?? body.length)
  const { inputs } = JSON.parse(body.toString('utf8', 0, length)) as InferBody
  const [{ shape, data }] = inputs as [InferBody['inputs'][number]]
  const values = data
    ? Float32Array.from(data as number[])
    : new Float32Array(Uint8Array.from(body.subarray(length)).buffer)
  const results = await session.run({ [input]: new Tensor('float32', values, shape) })
  const { data: found, dims } = results[output] as Tensor
  const meta = { name: 'output', datatype: 'FP32', shape: dims }
  if (data) return { outputs: [{ ...meta, data: Array.from(found as Float32Array) }] }
  const { buffer, byteOffset, byteLength } = found as Float32Array
  const head = Buffer.from(
    JSON.stringify({ outputs: [{ ...meta, parameters: { binary_data_size: byteLength } }] }),
  )
  reply.header(HEADER, head.length).type('application/octet-stream')
  return Buffer.concat([head, new Uint8Array(buffer, byteOffset, byteLength)])
})
console.log(await app.listen({ port: 0, host: '127.0.0.1' }))
process.stdin.on('end', () => process.exit(0)).resume()
