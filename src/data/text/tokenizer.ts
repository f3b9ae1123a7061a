import { BrickError } from '../../base/errors.ts'
import { type BpeJson, BpeTokenizer } from './bpe.ts'
import { Vocabulary, type VocabularyJson, type VocabularyOptions } from './vocabulary.ts'

/** Text to token numbers and back. */
export interface Tokenizer {
  /** Different numbers. */
  readonly size: number
  encode(text: string): Int32Array
  decode(ids: Iterable<number>): string
  /** What {@link tokenizerFromJson} makes it of again. */
  toJSON(): TokenizerJson
}

/** A tokeniser as JSON. */
export type TokenizerJson =
  | { readonly kind: 'char'; readonly vocabulary: VocabularyJson }
  | { readonly kind: 'word'; readonly vocabulary: VocabularyJson; readonly lowercase: boolean }
  | BpeJson

/**
 * A token is a character (a code point of Unicode).
 *
 * @example
 * ```ts
 * const chars = data.CharTokenizer.train('hello')
 * chars.decode(chars.encode('hole')) // 'hole'
 * ```
 */
export class CharTokenizer implements Tokenizer {
  readonly vocabulary: Vocabulary

  constructor(vocabulary: Vocabulary) {
    this.vocabulary = vocabulary
  }

  /** With the characters of a text. Without specials, they are in the order of their codes. */
  static train(text: string, options: VocabularyOptions = {}): CharTokenizer {
    const { specials = [], minFrequency, maxSize } = options
    if (minFrequency !== undefined || maxSize !== undefined) {
      return new CharTokenizer(Vocabulary.build(text, options))
    }
    const own = [...new Set(text)].filter((character) => !specials.includes(character))
    return new CharTokenizer(new Vocabulary([...specials, ...own.sort()], options))
  }

  get size(): number {
    return this.vocabulary.size
  }
  /** @throws BrickError `unknown` for a character that isn't there, if there is no unknown token. */
  encode(text: string): Int32Array {
    return this.vocabulary.encode(text)
  }
  /** @throws BrickError `argument` for a number that isn't one of a token. */
  decode(ids: Iterable<number>): string {
    return this.vocabulary.decode(ids).join('')
  }
  toJSON(): TokenizerJson {
    return { kind: 'char', vocabulary: this.vocabulary.toJSON() }
  }
}

export interface WordOptions extends VocabularyOptions {
  /** Default true. */
  readonly lowercase?: boolean
}

/** Words with inner apostrophes and hyphens, numbers, and every other sign by itself. */
const WORDS = /\p{L}[\p{L}\p{M}]*(?:['’-]\p{L}[\p{L}\p{M}]*)*|\p{N}+|[^\s\p{L}\p{N}]/gu

/**
 * A token is a word, a number or a sign; white space is lost.
 *
 * @example
 * ```ts
 * const words = data.WordTokenizer.train('Don’t panic!')
 * words.decode(words.encode("Panic!")) // 'panic !'
 * ```
 */
export class WordTokenizer implements Tokenizer {
  readonly vocabulary: Vocabulary
  readonly lowercase: boolean

  constructor(vocabulary: Vocabulary, lowercase = true) {
    this.vocabulary = vocabulary
    this.lowercase = lowercase
  }

  /** With the words of a text. Default specials: `<unk>`, which stands for all others. */
  static train(text: string, options: WordOptions = {}): WordTokenizer {
    const { lowercase = true, specials, unknown } = options
    const given = specials ? options : { ...options, specials: [unknown ?? '<unk>'] }
    const own = specials ? given : { ...given, unknown: unknown ?? '<unk>' }
    return new WordTokenizer(Vocabulary.build(wordsOf(text, lowercase), own), lowercase)
  }

  get size(): number {
    return this.vocabulary.size
  }
  /** @throws BrickError `unknown` for a word that isn't there, if there is no unknown token. */
  encode(text: string): Int32Array {
    return this.vocabulary.encode(wordsOf(text, this.lowercase))
  }
  /** The tokens with spaces between. */
  decode(ids: Iterable<number>): string {
    return this.vocabulary.decode(ids).join(' ')
  }
  toJSON(): TokenizerJson {
    return { kind: 'word', vocabulary: this.vocabulary.toJSON(), lowercase: this.lowercase }
  }
}

function wordsOf(text: string, lowercase: boolean): string[] {
  return (lowercase ? text.toLowerCase() : text).match(WORDS) ?? []
}

/**
 * The tokeniser that `JSON.stringify(tokenizer)` described.
 *
 * @throws BrickError `file` for what describes none.
 * @example
 * ```ts
 * const chars = data.CharTokenizer.train('abc')
 * const again = data.tokenizerFromJson(JSON.parse(JSON.stringify(chars)))
 * again.encode('cab') // Int32Array [2, 0, 1]
 * ```
 */
export function tokenizerFromJson(json: TokenizerJson): Tokenizer {
  if (json?.kind === 'bpe') return BpeTokenizer.fromJSON(json)
  if (json?.kind === 'char') return new CharTokenizer(Vocabulary.fromJSON(json.vocabulary))
  if (json?.kind === 'word') {
    return new WordTokenizer(Vocabulary.fromJSON(json.vocabulary), json.lowercase)
  }
  throw new BrickError({
    kind: 'file',
    where: 'tokenizerFromJson',
    wanted: "a tokeniser of kind 'char', 'word' or 'bpe'",
    got: JSON.stringify((json as { kind?: unknown } | undefined)?.kind) ?? 'nothing',
  })
}
