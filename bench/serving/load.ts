import { Agent, request } from 'node:http'

/** What every client sends, again and again. */
export interface Call {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** What came of a load. */
export interface Load {
  /** Milliseconds of each request that was answered 200. */
  readonly times: readonly number[]
  /** Those that were answered otherwise, or not at all. */
  readonly failed: number
  readonly milliseconds: number
}

/** Sends one request over a connection that is kept open, and reads the answer to its end. */
export function send({ url, headers, body }: Call, agent: Agent): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers }, (incoming) => {
      const parts: Buffer[] = []
      incoming.on('data', (part: Buffer) => parts.push(part))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const answer = Buffer.concat(parts)
        if (incoming.statusCode === 200) resolve(answer)
        else reject(new Error(`${incoming.statusCode}: ${answer.toString('utf8', 0, 200)}`))
      })
    })
    outgoing.on('error', reject)
    outgoing.setHeader('content-length', body.length)
    outgoing.end(body)
  })
}

/**
 * Loads a server: `clients` that each send their next request when the last one is answered, for so
 * many milliseconds.
 */
export async function load(call: Call, clients: number, milliseconds: number): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const times: number[] = []
  let failed = 0
  const start = performance.now()
  const client = async () => {
    for (let before = start; before < start + milliseconds; ) {
      try {
        await send(call, agent)
        const now = performance.now()
        times.push(now - before)
        before = now
      } catch {
        failed++
        before = performance.now()
      }
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  agent.destroy()
  return { times, failed, milliseconds: performance.now() - start }
}
