import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const [, ...command] = (scripts.law as string).split(' ')

/** Runs `npm run law` in a folder. */
function law(folder: string): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, ...command], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { code: status, output: stdout + stderr }
}

const house = mkdtempSync(join(tmpdir(), 'brickwork-law-'))
for (const name of ['biome.json', '.gitignore', 'law']) {
  cpSync(join(root, name), join(house, name), { recursive: true })
}
afterAll(() => rmSync(house, { recursive: true }))

/** A house of only these files, under the same law. */
function judge(files: Record<string, string>): { code: number | null; output: string } {
  rmSync(join(house, 'src'), { recursive: true, force: true })
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(house, path)), { recursive: true })
    writeFileSync(join(house, path), text)
  }
  return law(house)
}

describe('the import law', () => {
  test('holds in src', () => {
    const { code, output } = law(root)
    expect(code, output).toBe(0)
  })

  test('names every room of src', () => {
    const rows: { includes: string[] }[] = JSON.parse(
      readFileSync(join(root, 'law/rooms.json'), 'utf8'),
    ).overrides
    const named = rows.flatMap(({ includes }) => includes)
    const rooms = readdirSync(join(root, 'src'), { withFileTypes: true })
    for (const room of rooms.filter((entry) => entry.isDirectory())) {
      expect(named).toContain(`src/${room.name}/**`)
    }
  })

  test('lets a room import its own files and the rooms below', () => {
    const { code, output } = judge({
      'src/base/a.ts': "export type A = 1\nexport * from './deep/b.ts'\n",
      'src/base/deep/b.ts': 'export type B = 2\n',
      'src/device/device.ts': "import type { A } from '../base/a.ts'\nexport type D = A\n",
      'src/device/native/n.ts':
        "import koffi from 'koffi'\nimport fs from 'node:fs/promises'\nimport type { D } from '../device.ts'\nimport type { A } from '../../base/a.ts'\nexport const n = [koffi, fs] as unknown as [A, D]\n",
      'src/nn/losses/a.ts':
        "import { b } from '../module/b.ts'\nimport { c } from '../../base/c.ts'\nexport const a = [b, c]\n",
      'src/nn/module/b.ts': 'export const b = 1\n',
      'src/base/c.ts': 'export const c = 1\n',
      'src/cli/main.ts': "import sharp from 'sharp'\nexport default sharp\n",
    })
    expect(output).toContain('No fixes applied')
    expect(code).toBe(0)
  })

  const violations: Record<string, Record<string, string>> = {
    'a room above': { 'src/base/a.ts': "import { x } from '../nn/x.ts'\nexport default x\n" },
    'a type from a room above': {
      'src/base/a.ts': "import type { X } from '../nn/x.ts'\nexport type Y = X\n",
    },
    'a re-export from a room above': { 'src/base/a.ts': "export * from '../nn/x.ts'\n" },
    'a dynamic import of a room above': {
      'src/base/a.ts': "export const x = await import('../nn/x.ts')\n",
    },
    'a computed import': { 'src/base/a.ts': 'export const x = await import(`../nn/x.ts`)\n' },
    'an import type': { 'src/base/a.ts': "export type X = import('../nn/x.ts').X\n" },
    'a room above, from a folder in the room': {
      'src/device/wasm/a.ts': "export * from '../../tensor/x.ts'\n",
    },
    'a room above, from a folder that sees its sisters': {
      'src/nn/losses/a.ts': "export * from '../../train/x.ts'\n",
    },
    'a neighbour that is not below': { 'src/device/a.ts': "export * from '../compile/x.ts'\n" },
    'a node: module in the core': { 'src/compile/a.ts': "export * from 'node:fs'\n" },
    'sharp outside the CLI': { 'src/data/a.ts': "export * from 'sharp'\n" },
    'koffi outside the native device': { 'src/device/a.ts': "export * from 'koffi'\n" },
    'the entry': { 'src/nn/a.ts': "export * from '../index.ts'\n" },
    'a room without a row': { 'src/attic/a.ts': "export * from '../base/x.ts'\n" },
    'a cycle of values': {
      'src/base/a.ts': "export * from './b.ts'\n",
      'src/base/b.ts': "export * from './a.ts'\n",
    },
    'a cycle of types': {
      'src/base/a.ts': "import type { B } from './b.ts'\nexport type A = B | 1\n",
      'src/base/b.ts': "import type { A } from './a.ts'\nexport type B = A | 2\n",
    },
  }
  test.each(Object.entries(violations))('refuses %s', (_, files) => {
    expect(judge(files).code).toBe(1)
  })
})
