import { conformance } from './command.ts'

// npm runs scripts in the package's folder and tells where it was called.
const event = process.env['npm_lifecycle_event']
const folder = event === 'onnx-conformance' ? process.env['INIT_CWD'] : undefined
const { text, code } = await conformance(process.argv.slice(2), folder)
if (code === 2) console.error(text)
else console.log(text)
process.exit(code)
