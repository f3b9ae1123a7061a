import { writeFile } from 'node:fs/promises'
import { createBackend } from '../../src/index.ts'
import { supportDocument } from './document.ts'

const text = await supportDocument({
  interpreter: await createBackend('interpreter'),
  others: [await createBackend('native'), await createBackend('wasm')],
})
await writeFile('docs/support.md', text)
const failures = text.split('\n').filter((line) => line.includes('✗'))
console.log(failures.length > 0 ? failures.join('\n') : 'docs/support.md: everything works')
process.exit(failures.length > 0 ? 1 : 0)
