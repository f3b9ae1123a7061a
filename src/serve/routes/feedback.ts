import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { Context } from '../context.ts'
import { imageExtension } from '../image-kind.ts'
import { Refusal } from '../refusal.ts'
import { errors, feedbackAnswerSchema, feedbackSchema } from '../schemas.ts'
import { addImageParser, decoded, imageBytes, imageSide } from './classify.ts'

interface Correction {
  readonly id: string
  readonly label: string
}

const accepts = {
  types: /^(?:image\/|application\/(?:json|octet-stream)\b)/,
  words: 'application/json, or image/* or application/octet-stream with ?label= in the address',
}

/** Corrected labels, kept with their images for the next training run. */
export async function addFeedback(app: FastifyInstance, context: Context): Promise<void> {
  addImageParser(app)
  app.post<{ Querystring: { label?: unknown }; Body: Correction | Buffer | undefined }>(
    '/feedback',
    { schema, config: { accepts, isWork: true } },
    async ({ body, query }) => {
      const { store, recent } = feedbackOf(context)
      const side = imageSide(context.live.require())
      if (!body) throw new Refusal(400, { where: 'body', got: 'nothing', wanted: accepts.words })
      const isImage = body instanceof Uint8Array
      const id = isImage ? randomUUID() : body.id
      const label = labelOf(isImage ? query.label : body.label, side.classNames)
      const bytes = isImage ? imageBytes(body) : (recent.get(id) ?? noSuch(id))
      // One that can't be decoded would stop the training run that reads the folder.
      if (isImage) await decoded(side, bytes)
      const image = { bytes, extension: imageExtension(bytes)! }
      const { file } = await store.keep(id, image, label, side.classNames)
      return { id, label: side.classNames[label]!, file }
    },
  )
}

const schema = {
  tags: ['Images'],
  operationId: 'feedback',
  summary: 'Keeps an image with its right label for the next training run',
  description:
    'Either the id of an answer of POST /classify, as JSON; or an image file, with its label in the address.',
  querystring: {
    type: 'object',
    properties: { label: { type: 'string', description: 'With an image: its class name.' } },
  },
  body: {
    content: {
      'application/json': { schema: feedbackSchema },
      'image/png': { schema: {} },
      'image/jpeg': { schema: {} },
      'application/octet-stream': { schema: {} },
    },
  },
  response: {
    200: feedbackAnswerSchema,
    ...errors(400, 404, 408, 413, 415, 429, 500, 503, 507),
  },
} as const

function feedbackOf({ feedback }: Context): NonNullable<Context['feedback']> {
  if (feedback) return feedback
  throw new Refusal(404, {
    where: 'feedback',
    got: 'a server that keeps none',
    wanted: 'one with a folder for it',
    remedy: 'Start it with --feedback FOLDER.',
  })
}

/** A class's number by its name, which is the only thing that is let through to the disk. */
function labelOf(label: unknown, classNames: readonly string[]): number {
  const index = typeof label === 'string' ? classNames.indexOf(label) : -1
  if (index >= 0) return index
  const more = classNames.length > 10 ? `, … (${classNames.length} in all)` : ''
  const wanted = `one of ${classNames.slice(0, 10).join(', ')}${more}`
  const got = label === undefined ? 'none' : `'${`${label}`.slice(0, 100)}'`
  throw new Refusal(400, { where: 'label', got, wanted })
}

function noSuch(id: string): never {
  throw new Refusal(404, {
    where: 'feedback',
    got: `id '${id.slice(0, 100)}'`,
    wanted: 'the id of a recent answer of POST /classify',
    remedy: 'Send the image itself, with ?label= in the address.',
  })
}
