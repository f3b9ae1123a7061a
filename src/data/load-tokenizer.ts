import { readFile } from 'node:fs/promises'
import { BrickError } from '../base/errors.ts'
import { fileError } from '../files/errors.ts'
import { type Tokenizer, tokenizerFromJson } from './text/tokenizer.ts'

/** Reads a tokeniser from a file of JSON. */
export async function loadTokenizer(path: string): Promise<Tokenizer> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileError('read', path, error)
  })
  try {
    return tokenizerFromJson(JSON.parse(text))
  } catch (cause) {
    if (cause instanceof BrickError) throw cause.within(path)
    const got = (cause as Error).message
    throw new BrickError({ kind: 'file', where: path, wanted: 'a tokeniser in JSON', got, cause })
  }
}
