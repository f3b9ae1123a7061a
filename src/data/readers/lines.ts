import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { BrickError } from '../../base/errors.ts'
import { fileError } from '../../files/errors.ts'
import { IterableDataset } from '../iterable.ts'
import type { Recipe } from '../recipe.ts'

/** Letters of a line; a file without line ends would fill the memory. */
const MOST_LETTERS = 2 ** 26

/** The lines of a text file, without their ends; gzipped ones (.gz) are unpacked. */
export class TextLines extends IterableDataset<string> {
  readonly name: string

  constructor(path: string) {
    super()
    this.name = path
  }

  override async *iterate(): AsyncGenerator<string, void, undefined> {
    const file = createReadStream(this.name)
    // What goes wrong in the file ends the unpacking, too.
    const text = this.name.endsWith('.gz') ? pipeline(file, createGunzip(), () => {}) : file
    // The pieces of a line that has not ended: joined once, or long lines would take hours.
    let rest: string[] = []
    let length = 0
    try {
      for await (const part of text.setEncoding('utf8') as AsyncIterable<string>) {
        const [first = '', ...lines] = part.split('\n')
        rest.push(first)
        length += first.length
        if (length > MOST_LETTERS) throw tooLong(this.name)
        const last = lines.pop()
        if (last === undefined) continue
        for (const line of [rest.join(''), ...lines]) yield withoutReturn(line)
        rest = [last]
        length = last.length
      }
    } catch (error) {
      throw fileError('read', this.name, error)
    } finally {
      file.destroy()
    }
    if (length > 0) yield rest.join('')
  }
  ownRecipe(): Recipe {
    const [module, make] = [import.meta.url, 'TextLines']
    return { brickwork: 'recipe', module, make, args: [this.name] }
  }
}

const withoutReturn = (line: string): string => (line.endsWith('\r') ? line.slice(0, -1) : line)

function tooLong(path: string): BrickError {
  return new BrickError({
    kind: 'file',
    where: path,
    wanted: `lines of at most ${MOST_LETTERS} letters`,
    got: 'a longer one',
    remedy: 'Is it a text file? Break its lines.',
  })
}

/** The values of a file of JSON lines; empty lines are passed over. */
export class JsonLines extends IterableDataset<unknown> {
  readonly name: string

  constructor(path: string) {
    super()
    this.name = path
  }

  override async *iterate(): AsyncGenerator<unknown, void, undefined> {
    let number = 0
    for await (const line of new TextLines(this.name).iterate()) {
      number++
      if (line.trim() !== '') yield parseLine(line, number, this.name)
    }
  }
  ownRecipe(): Recipe {
    const [module, make] = [import.meta.url, 'JsonLines']
    return { brickwork: 'recipe', module, make, args: [this.name] }
  }
}

/** @throws BrickError `file` that names the line. */
function parseLine(line: string, number: number, path: string): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new BrickError({
      kind: 'file',
      where: `${path}: line ${number}`,
      wanted: 'JSON',
      got: `${line.length > 60 ? `${line.slice(0, 60)}…` : line} (${(error as Error).message})`,
    })
  }
}
