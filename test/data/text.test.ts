import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import * as data from '../../src/data/index.ts'
import { dataFile } from '../data-folder.ts'

const { BpeTokenizer, CharTokenizer, Vocabulary, WordTokenizer } = data
const folder = mkdtempSync(join(tmpdir(), 'brickwork-text-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('Vocabulary', () => {
  const tokens = 'b a b c a b d'.split(' ')

  test('specials first, then by frequency; rare ones and those beyond the size are left out', () => {
    const options = { specials: ['<pad>', '<unk>'], unknown: '<unk>', padding: '<pad>' }
    const all = Vocabulary.build(tokens, options)
    expect(all.tokens).toEqual(['<pad>', '<unk>', 'b', 'a', 'c', 'd'])
    expect([all.paddingId, all.unknownId, all.size, all.has('c')]).toEqual([0, 1, 6, true])
    expect([...all.encode(['a', 'z', 'd'])]).toEqual([3, 1, 5])
    expect(all.decode([5, 0])).toEqual(['d', '<pad>'])
    expect(Vocabulary.build(tokens, { ...options, minFrequency: 2 }).size).toBe(4)
    expect(Vocabulary.build(tokens, { ...options, maxSize: 3 }).tokens[2]).toBe('b')
    const again = Vocabulary.fromJSON(JSON.parse(JSON.stringify(all)))
    expect(again.toJSON()).toEqual(all.toJSON())
    expect(again.unknownId).toBe(1)
  })

  test('what is wrong is refused', () => {
    const words = Vocabulary.build(tokens)
    expect(() => words.encode(['z'])).toThrow(/one of 4 tokens, got "z"\. Build it with an unknown/)
    expect(() => words.decode([4])).toThrow(/token numbers from 0 to 3, got 4/)
    expect(() => new Vocabulary(['a', 'a'])).toThrow(/tokens that differ, got "a" twice/)
    expect(() => new Vocabulary(['a'], { unknown: '?' })).toThrow(
      /the unknown token among the tokens, got "\?"/,
    )
    expect(() => Vocabulary.fromJSON({} as never)).toThrow(/a list of tokens/)
  })
})

describe('characters and words', () => {
  test('characters are code points in order', () => {
    const chars = CharTokenizer.train('hello 😀')
    expect(chars.vocabulary.tokens).toEqual([' ', 'e', 'h', 'l', 'o', '😀'])
    expect(chars.decode(chars.encode('😀 hole'))).toBe('😀 hole')
    expect(() => chars.encode('x')).toThrow(/got "x"/)
  })

  test('words, numbers and signs; others are unknown', () => {
    const words = WordTokenizer.train("Don't panic: it's 42, well-known 42!")
    expect(words.vocabulary.tokens.slice(0, 2)).toEqual(['<unk>', '42'])
    expect(words.decode(words.encode("it's  WELL-KNOWN; panic"))).toBe(
      "it's well-known <unk> panic",
    )
    const own = WordTokenizer.train('A a', { lowercase: false, specials: [] })
    expect(own.size).toBe(2)
    expect(() => own.encode('b')).toThrow(/got "b"/)
  })
})

describe('byte pairs', () => {
  test("merges are those of Sennrich's example, by hand", () => {
    // low ×5, lower ×2, newest ×6, widest ×3, each after a space.
    const text = [' low', ' lower', ' newest', ' widest']
      .map((word, i) => word.repeat([5, 2, 6, 3][i]!))
      .join('')
    const bpe = BpeTokenizer.train([text], { vocabularySize: 263 })
    const merged = bpe.merges.map((_, i) => bpe.decode([256 + i]))
    // es and st occur 9 times: the smaller pair first. Then est 9; then " l", lo and ow 7; of
    // " l" + o and ow, ow has the smaller numbers.
    expect(merged).toEqual(['es', 'est', ' l', 'ow', ' low', ' n', 'ew'])
    expect([...bpe.encode(' lowest')].map((id) => bpe.decode([id]))).toEqual([' low', 'est'])
  })

  test('any text comes back; specials are one token', () => {
    const bpe = BpeTokenizer.train(['the cat sat on the mat<|end|>', 'that cat'], {
      vocabularySize: 300,
      specials: ['<|end|>'],
    })
    expect(bpe.encode('the<|end|>the')).toContain(0)
    expect(bpe.encode('the').length).toBeLessThan(3)
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const ids = bpe.encode(text)
        expect(bpe.decode(ids)).toBe(text)
        expect(ids.every((id) => id >= 0 && id < bpe.size)).toBe(true)
      }),
    )
    const again = data.tokenizerFromJson(JSON.parse(JSON.stringify(bpe)))
    expect(again.encode('that mat')).toEqual(bpe.encode('that mat'))
    expect(again.size).toBe(bpe.size)
  })

  test('training stops when no pair is frequent, and is the same at any order of texts', () => {
    expect(BpeTokenizer.train(['ab'], { vocabularySize: 999 }).size).toBe(256)
    const texts = ['one two three', 'two three four', 'three four five']
    const merges = (of: string[]) => BpeTokenizer.train(of, { vocabularySize: 270 }).merges
    expect(merges(texts)).toEqual(merges([...texts].reverse()))
  })

  test('what is wrong is refused', () => {
    expect(() => BpeTokenizer.train(['a'], { vocabularySize: 200 })).toThrow(
      /vocabularySize to be a whole number of at least 256/,
    )
    const bpe = BpeTokenizer.train(['a'], { vocabularySize: 256 })
    expect(() => bpe.decode([256])).toThrow(/token numbers from 0 to 255, got 256/)
    expect(() => new BpeTokenizer([[300, 1]])).toThrow(
      /merges of two tokens that come before, got \[300,1\]/,
    )
    expect(() => data.tokenizerFromJson({ kind: 'x' } as never)).toThrow(
      /kind 'char', 'word' or 'bpe', got "x"/,
    )
  })

  const shakespeare = dataFile('text/tinyshakespeare.txt')
  test.skipIf(shakespeare.missing)(`on tiny Shakespeare${shakespeare.note}`, () => {
    const text = readFileSync(shakespeare.path, 'utf8')
    const bpe = BpeTokenizer.train([text], { vocabularySize: 512 })
    const ids = bpe.encode(text)
    expect(bpe.decode(ids)).toBe(text)
    expect(text.length / ids.length).toBeGreaterThan(1.8)
    expect(CharTokenizer.train(text).size).toBe(65)
  })
})

describe('tokenisers in files', () => {
  test('all kinds are saved and loaded', async () => {
    const text = 'to be or not to be'
    const path = join(folder, 'tokenizer.json')
    for (const tokenizer of [
      CharTokenizer.train(text, { specials: ['<pad>'], padding: '<pad>' }),
      WordTokenizer.train(text),
      BpeTokenizer.train([text], { vocabularySize: 260 }),
    ]) {
      await data.saveTokenizer(path, tokenizer)
      const again = await data.loadTokenizer(path)
      expect(again.encode(text)).toEqual(tokenizer.encode(text))
      expect(again.toJSON()).toEqual(tokenizer.toJSON())
    }
    writeFileSync(path, '{"kind": "bpe", "merges": [[1]]')
    await expect(data.loadTokenizer(path)).rejects.toThrow(
      /tokenizer\.json: expected a tokeniser in JSON/,
    )
    writeFileSync(path, '{"kind": "bpe", "specials": [], "merges": [[1]]}')
    await expect(data.loadTokenizer(path)).rejects.toThrow(
      /tokenizer\.json: BpeTokenizer: expected merges of two tokens/,
    )
  })
})
