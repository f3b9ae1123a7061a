import { parity } from './command.ts'

// npm runs scripts in the package's folder and tells where it was called.
const folder = process.env['npm_lifecycle_event'] === 'parity' ? process.env['INIT_CWD'] : undefined
const argv = process.argv.slice(2)
const asked = argv.some((word) => !word.startsWith('-'))
const { text, code } = await parity(argv, asked ? folder : undefined)
if (code === 2) console.error(text)
else console.log(text)
process.exit(code)
