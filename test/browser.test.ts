import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { BrowserContext } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chromiumPath, startChromium } from './chromium.ts'

/** The same build, loaded by a browser as it is: ES modules, no bundler. */

const root = fileURLToPath(new URL('..', import.meta.url))
/** What runs in the page. */
const page = fileURLToPath(new URL('browser-page.js', import.meta.url))
const types: Record<string, string> = {
  '.js': 'text/javascript',
  '.html': 'text/html',
  '.gz': 'application/gzip',
}

/** Serves the build; `isolated` sends the headers that shared memory needs. */
function serve(folder: string, isolated: boolean): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = request.url === '/' ? '' : decodeURIComponent(request.url ?? '')
    const headers: Record<string, string> = isolated
      ? {
          'Cross-Origin-Opener-Policy': 'same-origin',
          'Cross-Origin-Embedder-Policy': 'require-corp',
        }
      : {}
    if (path === '') {
      response
        .writeHead(200, { ...headers, 'Content-Type': 'text/html' })
        .end('<!doctype html><title>b</title>')
      return
    }
    try {
      const body = await readFile(
        path === '/page.js' ? page : join(path.startsWith('/assets') ? root : folder, path),
      )
      response
        .writeHead(200, {
          ...headers,
          'Content-Type': types[extname(path)] ?? 'application/octet-stream',
        })
        .end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

const address = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

interface Result {
  readonly backend: string
  readonly losses: number[]
  readonly product: number
  /** Of a linear classifier on the digits. */
  readonly accuracy: number
  readonly isolated: boolean
}

describe.skipIf(!chromiumPath)('in Chromium', () => {
  let folder: string
  let context: BrowserContext
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'brickwork-browser-'))
    const tsc = join(root, 'node_modules/.bin/tsc')
    execFileSync(tsc, ['-p', join(root, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')])
    context = await startChromium(join(folder, 'profile'))
  })
  afterAll(async () => {
    await context?.close()
    await rm(folder, { recursive: true, force: true })
  })

  test.each([true, false])('trains on wasm; cross-origin isolated: %s', async (isolated) => {
    const server = await serve(folder, isolated)
    const page = await context.newPage()
    try {
      const complaints: string[] = []
      page.on('pageerror', (error) => complaints.push(String(error)))
      await page.goto(address(server))
      const result = (await page.evaluate(
        "import('/page.js').then((page) => page.run())",
      )) as Result
      expect(complaints).toEqual([])
      expect(result.backend).toBe('wasm')
      expect(result.isolated).toBe(isolated)
      expect(result.losses.at(-1)).toBeLessThan(0.1)
      expect(result.losses[0]).toBeGreaterThan(0.5)
      expect(result.accuracy).toBeGreaterThan(0.85)
      expect(result.product).toBe(600 ** 3)
    } finally {
      await page.close()
      server.close()
    }
  })
})
