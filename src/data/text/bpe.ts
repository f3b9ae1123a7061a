import { BrickError } from '../../base/errors.ts'
import { checkWhole } from '../check.ts'

/** A tokeniser by byte pairs as JSON. */
export interface BpeJson {
  readonly kind: 'bpe'
  readonly specials: readonly string[]
  /** The pairs of tokens that become the next ones, in order. */
  readonly merges: readonly (readonly [left: number, right: number])[]
}

export interface BpeOptions {
  /** Tokens in all: specials, 256 bytes and merged pairs. */
  readonly vocabularySize: number
  /** Tokens that are never split or merged: `['<|end|>']`. Default none. */
  readonly specials?: readonly string[]
  /** Pairs that occur less often are not merged. Default 2. */
  readonly minFrequency?: number
}

/** GPT-2's pieces: no pair is merged across them. A word takes the space before it. */
const PIECES = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

const BYTES = 256
/** Pairs as one number. */
const PAIR = 2 ** 24

/**
 * A token is a byte or a frequent sequence of bytes (of UTF-8): every text can be encoded, and
 * decoding gives it back exactly.
 *
 * Source: Sennrich, Haddow, Birch, “Neural machine translation of rare words with subword units”,
 * 2016; on bytes: Radford et al., “Language models are unsupervised multitask learners”, 2019.
 *
 * @example
 * ```ts
 * const bpe = data.BpeTokenizer.train(['low lower lowest'], { vocabularySize: 260 })
 * bpe.decode(bpe.encode('slow ☕')) // 'slow ☕'
 * ```
 */
export class BpeTokenizer {
  readonly specials: readonly string[]
  readonly merges: BpeJson['merges']
  /** The token that a pair becomes. */
  readonly #merged = new Map<number, number>()
  readonly #bytes: Uint8Array[]
  readonly #cache = new Map<string, readonly number[]>()
  readonly #splitter: RegExp | undefined

  constructor(merges: BpeJson['merges'], specials: readonly string[] = []) {
    this.merges = merges
    this.specials = specials
    const first = specials.length
    const encoder = new TextEncoder()
    this.#bytes = specials.map((special) => encoder.encode(special))
    for (let byte = 0; byte < BYTES; byte++) this.#bytes.push(Uint8Array.of(byte))
    for (const [left, right] of merges) {
      const [a, b] = [this.#bytes[left], this.#bytes[right]]
      if (!a || !b || left < first || right < first) throw badMerge([left, right])
      this.#merged.set(left * PAIR + right, this.#bytes.length)
      this.#bytes.push(Uint8Array.of(...a, ...b))
    }
    // Longer ones first: one may begin another.
    const sorted = [...specials].sort((a, b) => b.length - a.length).map(escaped)
    this.#splitter = sorted.length > 0 ? new RegExp(`(${sorted.join('|')})`) : undefined
  }

  /**
   * Merges the most frequent pair of tokens again and again, until the vocabulary is full or no
   * pair is frequent. Of equally frequent pairs, the one with the smaller numbers is merged.
   *
   * @throws BrickError `argument` for a vocabulary without room for all bytes.
   */
  static train(texts: Iterable<string>, options: BpeOptions): BpeTokenizer {
    const { vocabularySize, specials = [], minFrequency = 2 } = options
    checkWhole('BpeTokenizer', 'vocabularySize', vocabularySize, BYTES + specials.length)
    checkWhole('BpeTokenizer', 'minFrequency', minFrequency, 1)
    const words = wordsOf(texts, specials)
    const merges: [number, number][] = []
    const pairs = new PairCounts(words)
    for (let next = BYTES + specials.length; next < vocabularySize; next++) {
      const pair = pairs.best(minFrequency)
      if (pair === undefined) break
      pairs.merge(pair, next)
      merges.push([Math.floor(pair / PAIR), pair % PAIR])
    }
    return new BpeTokenizer(merges, specials)
  }

  /** @throws BrickError `file` for what is no such tokeniser. */
  static fromJSON({ merges, specials }: BpeJson): BpeTokenizer {
    const isPair = (pair: unknown) =>
      Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger)
    if (!Array.isArray(merges) || !Array.isArray(specials)) throw badMerge(merges)
    const bad = merges.find((pair) => !isPair(pair))
    if (bad !== undefined) throw badMerge(bad)
    return new BpeTokenizer(merges, specials)
  }

  get size(): number {
    return this.#bytes.length
  }

  encode(text: string): Int32Array {
    const ids: number[] = []
    for (const part of this.#splitter ? text.split(this.#splitter) : [text]) {
      const special = this.specials.indexOf(part)
      if (special >= 0) ids.push(special)
      else
        for (const [piece] of part.matchAll(PIECES))
          for (const id of this.#piece(piece)) ids.push(id)
    }
    return Int32Array.from(ids)
  }

  /** @throws BrickError `argument` for a number that isn't one of a token. */
  decode(ids: Iterable<number>): string {
    const parts: number[] = []
    for (const id of ids) {
      const bytes = this.#bytes[id]
      if (bytes) for (const byte of bytes) parts.push(byte)
      else {
        throw new BrickError({
          kind: 'argument',
          where: 'BpeTokenizer',
          wanted: `token numbers from 0 to ${this.size - 1}`,
          got: `${id}`,
        })
      }
    }
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(parts))
  }

  toJSON(): BpeJson {
    return { kind: 'bpe', specials: this.specials, merges: this.merges }
  }

  /** The tokens of a piece: the pair that was merged first in training is merged first. */
  #piece(piece: string): readonly number[] {
    const known = this.#cache.get(piece)
    if (known) return known
    const ids = Array.from(new TextEncoder().encode(piece), (byte) => byte + this.specials.length)
    while (ids.length > 1) {
      let best = Number.POSITIVE_INFINITY
      for (let i = 0; i + 1 < ids.length; i++) {
        best = Math.min(best, this.#merged.get(ids[i]! * PAIR + ids[i + 1]!) ?? best)
      }
      if (best === Number.POSITIVE_INFINITY) break
      const [left, right] = this.merges[best - BYTES - this.specials.length]!
      mergeIn(ids, left, right, best)
    }
    // Texts may hold any number of different pieces.
    if (this.#cache.size > 100_000) this.#cache.clear()
    this.#cache.set(piece, ids)
    return ids
  }
}

/** Replaces each pair in place. */
function mergeIn(ids: number[], left: number, right: number, merged: number): void {
  let to = 0
  for (let from = 0; from < ids.length; from++, to++) {
    const isPair = ids[from] === left && ids[from + 1] === right
    ids[to] = isPair ? merged : ids[from]!
    if (isPair) from++
  }
  ids.length = to
}

interface Word {
  readonly ids: number[]
  readonly count: number
}

/** The different pieces of texts, as bytes, with their counts. */
function wordsOf(texts: Iterable<string>, specials: readonly string[]): Word[] {
  const counts = new Map<string, number>()
  for (const text of texts) {
    const parts = specials.length ? text.split(new RegExp(specials.map(escaped).join('|'))) : [text]
    for (const part of parts) {
      for (const [piece] of part.matchAll(PIECES)) counts.set(piece, (counts.get(piece) ?? 0) + 1)
    }
  }
  const encoder = new TextEncoder()
  return [...counts].map(([piece, count]) => ({
    ids: Array.from(encoder.encode(piece), (byte) => byte + specials.length),
    count,
  }))
}

/** How often each pair occurs in the words, kept up to date while pairs are merged. */
class PairCounts {
  readonly #counts = new Map<number, number>()
  /** Words that hold a pair, or held it. */
  readonly #places = new Map<number, Set<Word>>()

  constructor(words: readonly Word[]) {
    for (const word of words) this.#count(word, 1)
  }

  /** The most frequent pair. */
  best(least: number): number | undefined {
    let [best, most] = [-1, least - 1]
    for (const [pair, count] of this.#counts) {
      if (count > most || (count === most && best >= 0 && pair < best)) [best, most] = [pair, count]
    }
    return best < 0 ? undefined : best
  }

  merge(pair: number, merged: number): void {
    for (const word of this.#places.get(pair) ?? []) {
      this.#count(word, -1)
      mergeIn(word.ids, Math.floor(pair / PAIR), pair % PAIR, merged)
      this.#count(word, 1)
    }
    this.#places.delete(pair)
    this.#counts.delete(pair)
  }

  /** Adds (or, with −1, takes away) the pairs of a word. */
  #count(word: Word, sign: 1 | -1): void {
    for (let i = 0; i + 1 < word.ids.length; i++) {
      const pair = word.ids[i]! * PAIR + word.ids[i + 1]!
      const count = (this.#counts.get(pair) ?? 0) + sign * word.count
      if (count > 0) this.#counts.set(pair, count)
      else this.#counts.delete(pair)
      if (sign < 0) continue
      const places = this.#places.get(pair)
      if (places) places.add(word)
      else this.#places.set(pair, new Set([word]))
    }
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

function badMerge(got: unknown): BrickError {
  return new BrickError({
    kind: 'file',
    where: 'BpeTokenizer',
    wanted: 'merges of two tokens that come before',
    got: JSON.stringify(got) ?? 'nothing',
    remedy: 'Train it again, or take the whole file.',
  })
}
