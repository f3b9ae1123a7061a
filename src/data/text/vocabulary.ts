import { BrickError } from '../../base/errors.ts'
import { checkWhole } from '../check.ts'

export interface VocabularyOptions {
  /** Tokens that come first, in this order: `['<pad>', '<unk>']`. Default none. */
  readonly specials?: readonly string[]
  /** What stands for tokens that are not in the vocabulary; one of the specials. Default: they are refused. */
  readonly unknown?: string
  /** What fills sequences; one of the specials. */
  readonly padding?: string
  /** Tokens that occur less often are left out. Default 1. */
  readonly minFrequency?: number
  /** The most frequent tokens only, specials included. */
  readonly maxSize?: number
}

/** A vocabulary as JSON. */
export interface VocabularyJson {
  readonly tokens: readonly string[]
  readonly unknown?: string
  readonly padding?: string
}

/**
 * Tokens and their numbers.
 *
 * @throws BrickError `argument` for a token that stands there twice, or an unknown or padding token
 * that isn't there.
 * @example
 * ```ts
 * const words = data.Vocabulary.build('to be or not to be'.split(' '), { specials: ['<unk>'], unknown: '<unk>' })
 * words.encode(['to', 'sleep']) // Int32Array [2, 0]
 * ```
 */
export class Vocabulary {
  readonly tokens: readonly string[]
  readonly #numbers: ReadonlyMap<string, number>
  readonly #unknown: string | undefined
  readonly #padding: string | undefined

  constructor(
    tokens: readonly string[],
    options: Pick<VocabularyOptions, 'unknown' | 'padding'> = {},
  ) {
    this.tokens = tokens
    this.#numbers = new Map(tokens.map((token, i) => [token, i]))
    this.#unknown = options.unknown
    this.#padding = options.padding
    if (this.#numbers.size < tokens.length) {
      const twice = tokens.find((token, i) => this.#numbers.get(token) !== i)
      throw refuse('tokens that differ', `${JSON.stringify(twice)} twice`)
    }
    for (const [name, token] of Object.entries({
      unknown: options.unknown,
      padding: options.padding,
    })) {
      if (token === undefined || this.#numbers.has(token)) continue
      throw refuse(
        `the ${name} token among the tokens`,
        JSON.stringify(token),
        'Add it to specials.',
      )
    }
  }

  /** Of the tokens of a text: specials, then the others, the most frequent first (then by their characters). */
  static build(tokens: Iterable<string>, options: VocabularyOptions = {}): Vocabulary {
    const { specials = [], minFrequency = 1, maxSize = Number.MAX_SAFE_INTEGER } = options
    checkWhole('Vocabulary', 'minFrequency', minFrequency, 1)
    checkWhole('Vocabulary', 'maxSize', maxSize, specials.length)
    const counts = new Map<string, number>()
    for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1)
    for (const token of specials) counts.delete(token)
    const sorted = [...counts].filter(([, count]) => count >= minFrequency)
    sorted.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    const own = sorted.slice(0, maxSize - specials.length).map(([token]) => token)
    return new Vocabulary([...specials, ...own], options)
  }

  get size(): number {
    return this.tokens.length
  }
  /** The number of the token that fills sequences. */
  get paddingId(): number | undefined {
    return this.#padding === undefined ? undefined : this.#numbers.get(this.#padding)
  }
  /** The number of the token that stands for others. */
  get unknownId(): number | undefined {
    return this.#unknown === undefined ? undefined : this.#numbers.get(this.#unknown)
  }

  has(token: string): boolean {
    return this.#numbers.has(token)
  }

  /** @throws BrickError `unknown` for a token that isn't there, if there is no unknown token. */
  encode(tokens: Iterable<string>): Int32Array {
    return Int32Array.from(tokens, (token) => {
      const number = this.#numbers.get(token) ?? this.unknownId
      if (number !== undefined) return number
      throw new BrickError({
        kind: 'unknown',
        where: 'Vocabulary',
        wanted: `one of ${this.size} tokens`,
        got: JSON.stringify(token),
        remedy: "Build it with an unknown token: { specials: ['<unk>'], unknown: '<unk>' }.",
      })
    })
  }

  /** @throws BrickError `argument` for a number that isn't one of a token. */
  decode(ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => {
      const token = this.tokens[id]
      if (token !== undefined) return token
      throw refuse(`token numbers from 0 to ${this.size - 1}`, `${id}`)
    })
  }

  toJSON(): VocabularyJson {
    const [unknown, padding] = [this.#unknown, this.#padding]
    return {
      tokens: this.tokens,
      ...(unknown === undefined ? {} : { unknown }),
      ...(padding === undefined ? {} : { padding }),
    }
  }

  /** @throws BrickError `file` for what is no vocabulary. */
  static fromJSON(json: VocabularyJson): Vocabulary {
    const { tokens } = (json ?? {}) as Partial<VocabularyJson>
    if (Array.isArray(tokens) && tokens.every((token) => typeof token === 'string')) {
      return new Vocabulary(tokens, json)
    }
    throw new BrickError({
      kind: 'file',
      where: 'Vocabulary',
      wanted: 'a list of tokens',
      got: JSON.stringify(json)?.slice(0, 60) ?? 'nothing',
    })
  }
}

function refuse(wanted: string, got: string, remedy?: string): BrickError {
  const where = 'Vocabulary'
  return new BrickError({ kind: 'argument', where, wanted, got, ...(remedy ? { remedy } : {}) })
}
