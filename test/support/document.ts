import type { Backend } from '../../src/tensor/backend.ts'
import { compared, type Marks, reference } from './check.ts'
import { marksOf, primitives } from './primitives.ts'
import { type Group, groups } from './subjects.ts'

/** A row of the document: the interpreter's marks, then the other backends'. */
interface Row {
  readonly name: string
  readonly marks: readonly Marks[]
}

export interface Tools {
  readonly interpreter: Backend
  /** Compared with the interpreter. */
  readonly others: readonly Backend[]
}

const preface = `# What is supported

Made by \`npm run support\` from the records of the primitives and from what the package exports; a
test fails if it is out of date. Each entry is *forward / gradient*: ✓ works, – has no gradient.

- **interpreter**: values are finite, and the gradient agrees with finite differences in double
  precision;
- **the others**: values and gradients agree with the interpreter's (10⁻⁴; the primitives as near
  as rounding allows, bit for bit the same in a second run).

Agreement with PyTorch is tested apart (\`test/parity\`, \`test/torch-cases\`).
`

const cell = ({ forward, gradient }: Marks): string => `${forward} / ${gradient}`

function section(title: string, names: readonly string[], rows: readonly Row[]): string {
  const head = ['', ...names]
  const lines = rows.map(({ name, marks }) => [`\`${name}\``, ...marks.map(cell)])
  const table = [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
  return `## ${title} (${rows.length})\n\n${table.join('\n')}\n`
}

async function rowsOf({ subjects }: Group, { interpreter, others }: Tools): Promise<Row[]> {
  const rows: Row[] = []
  for (const { name, sample } of subjects) {
    const { marks, values } = await reference(sample, interpreter)
    const rest: Marks[] = []
    for (const backend of others) rest.push(await compared({ sample, values }, backend))
    rows.push({ name, marks: [marks, ...rest] })
  }
  return rows
}

/** The text of docs/support.md. */
export async function supportDocument(tools: Tools): Promise<string> {
  const names = ['interpreter', ...tools.others.map((backend) => backend.name)]
  const ops: Row[] = []
  for (const op of primitives) ops.push({ name: op, marks: await marksOf(op, tools.others) })
  const sections = [section('Primitives', names, ops)]
  for (const group of groups()) {
    sections.push(section(group.title, names, await rowsOf(group, tools)))
  }
  return [preface, ...sections].join('\n')
}
