import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createModel } from '../src/models/models.ts'
import { saveWeights } from '../src/weights/save.ts'
import { plain } from './docstring-scope.ts'
import { checked } from './promises.ts'

/** The examples of pages in docs run, one after the other, in a folder of their own. */

const pages = ['files.md']
const modules = resolve('build/docs')
const home = process.cwd()
const elsewhere = mkdtempSync(join(tmpdir(), 'brickwork-docs-'))

/** Examples that can't run here, by what they say, and why. */
const notRun: Readonly<Record<string, string>> = {
  "hub.fromPretrained('timm/": 'needs the hub; hub.test.ts has a server like it',
}

beforeAll(async () => {
  mkdirSync(modules, { recursive: true })
  copyFileSync('test/torch-checkpoints/training.pt', join(elsewhere, 'training.pt'))
  mkdirSync(join(elsewhere, 'tiny'))
  const config = { architecture: 'mlp:12-5-3', num_classes: 3, input_size: [3, 2, 2] }
  writeFileSync(join(elsewhere, 'tiny/config.json'), JSON.stringify(config))
  const model = createModel('mlp:12-5-3', { inputShape: [3, 2, 2], classes: 3 })
  await saveWeights(model, join(elsewhere, 'tiny/model.safetensors'))
})
afterAll(() => {
  process.chdir(home)
  rmSync(elsewhere, { recursive: true })
  rmSync(modules, { recursive: true })
})

/** The example as a module: imports as they are, its promises checked. */
function moduleOf(code: string): string {
  const imports = code.match(/^import .*$/gm) ?? []
  const own = imports.map((line) => line.replace("'brickwork'", `'${resolve('src/index.ts')}'`))
  const body = code.replace(/^import .*\n/gm, '')
  return `// @ts-nocheck\n${own.join('\n')}\nexport default async ({ check, plain }) => {\n${checked(body)}\n}\n`
}

for (const page of pages) {
  const text = readFileSync(join('docs', page), 'utf8')
  for (const [i, { 1: code = '' }] of [...text.matchAll(/```ts\n([\s\S]*?)```/g)].entries()) {
    const reason = Object.entries(notRun).find(([words]) => code.includes(words))?.[1]
    const title = `${page}, example ${i + 1}${reason ? ` (not run: ${reason})` : ''}`
    test.skipIf(reason)(title, async () => {
      const path = join(modules, `${page}-${i}.ts`)
      writeFileSync(path, moduleOf(code))
      const { default: run } = await import(path)
      process.chdir(elsewhere)
      try {
        await run({ plain, check: (got: unknown, want: unknown) => expect(got).toEqual(want) })
      } finally {
        process.chdir(home)
      }
    })
  }
}
