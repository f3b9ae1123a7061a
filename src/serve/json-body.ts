import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from './refusal.ts'

/** What a parser of bodies calls back with. */
export type Parsed = (error: Error | null, body?: unknown) => void
export type ParseJson = (request: FastifyRequest, text: string, done: Parsed) => void

/**
 * Parses JSON texts as the framework does, which refuses keys that would change a prototype, and
 * says where a text stops being JSON.
 */
export function jsonParser(app: FastifyInstance): ParseJson {
  const parse = app.getDefaultJsonParser('error', 'error')
  return (request, text, done) => {
    const explained: Parsed = (error, body) => done(error && refusalFor(text), body)
    parse(request, text, explained)
  }
}

function refusalFor(text: string): Refusal {
  const parts = { where: 'body', wanted: 'JSON' }
  if (text === '') return new Refusal(400, { ...parts, got: 'nothing' })
  try {
    JSON.parse(text)
  } catch (error) {
    const [got] = (error as Error).message.split('\n')
    return new Refusal(400, { ...parts, got: got!.slice(0, 200) })
  }
  const got = "a key '__proto__' or 'constructor'"
  return new Refusal(400, { where: 'body', got, wanted: 'no key that changes what objects are' })
}

/** Bodies of JSON, also where a client leaves the media type out. */
export function addJsonParser(app: FastifyInstance): void {
  const parse = jsonParser(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>(
    ['application/json', '*'],
    { parseAs: 'string' },
    (request, text, done) => parse(request, text, done),
  )
}
