import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { compileGraph } from '../src/compile/compile.ts'
import { make } from '../src/graph/make.ts'
import type { Node } from '../src/graph/node.ts'
import { profile } from '../src/index.ts'
import type { Kernel } from '../src/loop/ir.ts'
import type { Target } from '../src/loop/target.ts'
import { deviceBackends } from './backends.ts'

const root = resolve(import.meta.dirname, '..')
const target: Target = { lanes: 8, registers: 16, fma: true, l1: 32 << 10, l2: 512 << 10 }

afterEach(() => {
  vi.unstubAllEnvs()
})

const buffer = (...shape: number[]): Node<'buffer'> =>
  make('buffer', [], { source: {}, shape, dtype: 'f32' }) as Node<'buffer'>

function kernelsOf(buffers: readonly Node<'buffer'>[], output: Node): readonly Kernel[] {
  return compileGraph({ buffers, outputs: [output], updates: [] }, target).kernels
}

/** Title and work of each kernel. */
function workOf(buffers: readonly Node<'buffer'>[], output: Node) {
  vi.stubEnv('BRICK_DEBUG', 'check,profile')
  return kernelsOf(buffers, output).map(({ about }) => {
    const { title, flops, reads, writes } = about!
    return { title, flops, reads, writes }
  })
}

describe('work', () => {
  test('elementwise: an operation each, memory once', () => {
    const [x, y] = [buffer(100, 50), buffer(100, 50)]
    const out = make('mul', [make('mul', [x, x], {}), make('add', [y, x], {})], {})
    expect(workOf([x, y], out)).toEqual([
      { title: 'nest [100,50] mul·add', flops: 15000, reads: 40000, writes: 20000 },
    ])
  })

  test('passes over the same rows read them once', () => {
    const x = buffer(64, 32)
    const most = make('amax', [x], { axes: [1] })
    const wide = make('expand', [make('reshape', [most], { shape: [64, 1] })], { shape: [64, 32] })
    const [work, ...more] = workOf([x], make('sub', [x, wide], {}))
    expect(more).toEqual([])
    expect(work).toMatchObject({ flops: 2 * 64 * 32, reads: 4 * 64 * 32 })
  })

  test('a part of a buffer counts alone', () => {
    const x = buffer(10, 100)
    const part = make('slice', [x], { start: [0, 20], stop: [10, 30], step: [1, 1] })
    expect(workOf([x], make('neg', [part], {}))).toMatchObject([
      { flops: 100, reads: 400, writes: 400 },
    ])
  })

  test.each([
    [64, 48, 80],
    [3, 200, 2],
  ])('a contraction of %i×%i×%i: two operations a multiply-add', (m, k, n) => {
    const [a, b] = [buffer(m, k), buffer(k, n)]
    const product = make('contract', [a, b], { a: [0, 2], b: [2, 1], out: [0, 1] })
    const works = workOf([a, b], make('add', [product, product], {}))
    const { title, flops, writes } = works.at(-1)!
    expect(title).toMatch(/^contraction \d+×\d+×\d+.* \+ add$/)
    expect(flops).toBe(2 * m * n * k + m * n)
    expect(writes).toBe(4 * m * n)
  })
})

test('nothing is captured without it', () => {
  vi.stubEnv('BRICK_DEBUG', 'check')
  const x = buffer(4)
  const out = make('neg', [x], {})
  expect(out.origin).toBeUndefined()
  expect(kernelsOf([x], out).map((kernel) => 'about' in kernel)).toEqual([false])
  expect(profile()).toBe('')
})

/** A compiled step of two products and their gradients. */
const program = `import { compile, grad, nn, profile, rand, variable } from './dist/index.js'

const hidden = variable(rand([96, 80]), true)
class Net extends nn.Module {
  last = new nn.Linear(80, 70)
  forward(x) {
    return this.last.forward(x) // line 7
  }
}
const net = new Net()
const step = compile((x) => {
  const y = x.matmul(hidden).tanh() // line 12
  return grad(net.forward(y).sum(), [hidden])
})
const x = rand([64, 96])
for (let i = 0; i < 3; i++) await step(x)[0].data()
console.log(profile())
`

describe('in a process', () => {
  // Within the project, where koffi is found.
  mkdirSync(join(root, 'build'), { recursive: true })
  const folder = mkdtempSync(join(root, 'build/profile-'))
  const run = (debug: string, backend: string) => {
    const env = { ...process.env, BRICK_DEBUG: debug, BRICKWORK_BACKEND: backend }
    const path = join(folder, 'program.mjs')
    const { stdout, stderr, status } = spawnSync(process.execPath, [path], {
      env,
      encoding: 'utf8',
    })
    return { stdout, stderr, status }
  }
  beforeAll(() => {
    writeFileSync(join(folder, 'program.mjs'), program)
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist')]
    execFileSync(process.execPath, args, { cwd: root })
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test.each(deviceBackends)('%s: a table of all kernels with the lines that asked', (backend) => {
    const { stdout, stderr, status } = run('check,profile', backend)
    expect(status).toBe(0)
    expect(stdout).toBe(stderr)
    const tables = stderr.split(/^program /m)
    expect(tables[0]).toMatch(/^limits of \d+ threads?: mul \d+ GFLOP\/s .* mem \d+ GB\/s read/)
    const table = tables.find((text) => text.includes('3 runs'))!.trimEnd()
    const [head, titles, ...rows] = table.split('\n')
    expect(head).toMatch(new RegExp(`^\\d+: ${backend}, \\d+ threads? · 3 runs · .* a run, `))
    const count = Number(/in (\d+) kernels/.exec(head!)![1])
    expect(titles).toMatch(/share +µs\/run GFLOP\/s +GB\/s +of limit +kernel +asked for at/)
    const named = rows.filter((row) => /^ *\d+\.\d % +\d+\.\d /.test(row))
    expect(named).toHaveLength(count)
    expect(named.every((row) => row.length <= 100)).toBe(true)
    const has = (pattern: RegExp) => expect(named.some((row) => pattern.test(row))).toBe(true)
    has(/contraction .*tanh.* {3}program\.mjs:12$/)
    has(/contraction .* ∇ program\.mjs:12$/)
    has(/∇ program\.mjs:7 last$/)
    const shares = named.map((row) => Number.parseFloat(row))
    expect(shares).toEqual(shares.toSorted((a, b) => b - a))
    expect(shares.reduce((a, b) => a + b)).toBeCloseTo(100, 0)
  })

  test('nothing is printed without it', () => {
    expect(run('check', deviceBackends[0]!)).toEqual({ stdout: '\n', stderr: '', status: 0 })
  })
})
