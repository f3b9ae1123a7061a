import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What goes wrong, and how often before it goes right. */
export interface Trouble {
  /** A status for every request to the repository. */
  status?: number
  /** The hub's word for it. */
  code?: string
  /** Answers `status` so many times alone. */
  times?: number
  /** Breaks content off after so many bytes, each time or so many times. */
  cutAfter?: number
  cuts?: number
  /** Sends other bytes. */
  wrong?: boolean
  /** Sends whole files where parts are asked for. */
  noRanges?: boolean
  /** Sends nothing more after the headers. */
  hangs?: boolean
  /** Milliseconds between pieces. */
  slow?: number
}

export interface HubServer {
  readonly url: string
  readonly commit: string
  /** What was asked for: method and path, with the range. */
  readonly requests: string[]
  readonly files: Map<string, Buffer>
  trouble: Trouble
  close(): Promise<void>
}

/** The name of the only repository. */
export const REPOSITORY = 'tests/tiny'

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
const gitBlob = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

/** Files with this ending lie in LFS: the hub redirects to another server. */
const isLarge = (path: string): boolean => /\.(safetensors|bin)$/.test(path)

const addressOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`

const listen = (handle: (request: IncomingMessage, response: ServerResponse) => void) =>
  new Promise<Server>((resolve) => {
    const server = createServer(handle)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })

/** A server that behaves like the Hugging Face hub for one repository, and its content network. */
export async function startHub(content: Readonly<Record<string, Buffer>>): Promise<HubServer> {
  const files = new Map(Object.entries(content))
  const requests: string[] = []
  const contents = await listen((request, response) => {
    requests.push(`cdn ${request.headers.range ?? 'all'}`)
    if (request.headers.authorization) return void response.writeHead(400).end('a token')
    const found = [...files.values()].find((bytes) => sha256(bytes) === request.url?.slice(1))
    if (!found) return void response.writeHead(404).end()
    send(found, request, response)
  })
  const hub = await listen((request, response) => {
    requests.push(
      `${request.method} ${request.url?.replace(/\?.*/, '')} ${request.headers.range ?? ''}`.trim(),
    )
    const { trouble } = server
    if (trouble.status && (trouble.times === undefined || trouble.times-- > 0)) {
      const headers = trouble.code ? { 'X-Error-Code': trouble.code } : {}
      return void response.writeHead(trouble.status, headers).end('no')
    }
    answer(request, response)
  })
  const server: HubServer = {
    url: addressOf(hub),
    commit: 'c0ffee'.padEnd(40, '0'),
    requests,
    files,
    trouble: {},
    async close() {
      for (const one of [hub, contents]) {
        one.closeAllConnections()
        await new Promise((resolve) => one.close(resolve))
      }
    },
  }
  return server

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(request.url?.replace(/\?.*/, '') ?? '')
    const api = `/api/models/${REPOSITORY}`
    if (path === `${api}/revision/main`) {
      json(response, { _id: '1', id: REPOSITORY, sha: server.commit, lastModified: 0 })
      return
    }
    if (path === `${api}/paths-info/${server.commit}`) {
      let body = ''
      request.on('data', (part) => {
        body += part
      })
      return void request.on('end', () => json(response, infos(JSON.parse(body).paths)))
    }
    const name = path.replace(`/${REPOSITORY}/resolve/${server.commit}/`, '')
    const bytes = files.get(name)
    if (!bytes) return void response.writeHead(404, { 'X-Error-Code': 'EntryNotFound' }).end()
    if (!isLarge(name)) {
      send(bytes, request, response)
      return
    }
    response
      .writeHead(302, {
        Location: `${addressOf(contents)}/${sha256(bytes)}`,
        'X-Linked-Size': bytes.length,
        'X-Linked-ETag': `"${sha256(bytes)}"`,
      })
      .end()
  }

  function infos(paths: readonly string[]): unknown[] {
    return paths.flatMap((path) => {
      const bytes = files.get(path)
      if (!bytes) return []
      const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 134 }
      const info = { type: 'file', path, size: bytes.length, oid: gitBlob(bytes) }
      return [isLarge(path) ? { ...info, lfs } : info]
    })
  }

  function send(bytes: Buffer, request: IncomingMessage, response: ServerResponse): void {
    const { trouble } = server
    const [, from = '0', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
    const isProbe = request.headers.range === 'bytes=0-0'
    const isPart = request.headers.range !== undefined && (isProbe || !trouble.noRanges)
    const end = isPart && to ? Number(to) + 1 : bytes.length
    const part = Buffer.from(bytes.subarray(isPart ? Number(from) : 0, end))
    if (trouble.wrong && !isProbe) part[part.length - 1]! ^= 1
    response.writeHead(isPart ? 206 : 200, {
      ETag: `"${sha256(bytes)}"`,
      'Content-Length': part.length,
      ...(isPart ? { 'Content-Range': `bytes ${from}-${end - 1}/${bytes.length}` } : {}),
    })
    if (isProbe) return void response.end(part)
    if (trouble.hangs) return void response.flushHeaders()
    const { cutAfter = part.length, cuts = 1 } = trouble
    if (cutAfter < part.length && cuts > 0) {
      if (trouble.cuts !== undefined) trouble.cuts--
      response.write(part.subarray(0, cutAfter))
      // A moment, so that what was sent arrives.
      return void setTimeout(() => response.destroy(), 20)
    }
    if (trouble.slow === undefined) return void response.end(part)
    void slowly(part, response, trouble.slow)
  }
}

async function slowly(bytes: Buffer, response: ServerResponse, wait: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += 10_000) {
    response.write(bytes.subarray(at, at + 10_000))
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
  response.end()
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
}
