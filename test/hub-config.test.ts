import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ArrayView } from '../src/base/array.ts'
import { architectureOf } from '../src/hub/architectures.ts'
import { parseConfig } from '../src/hub/config.ts'
import { nn } from '../src/index.ts'

describe("timm's networks", () => {
  type States = Record<string, Record<string, number[]>>
  const states: States = JSON.parse(readFileSync('test/timm/states.json', 'utf8'))
  const published = JSON.parse(readFileSync('test/torchvision/models.json', 'utf8'))

  test.each(Object.keys(states))("%s: its names and shapes become torchvision's", (name) => {
    const { model, mapping } = architectureOf(name, 'config.json')
    const shapes = Object.entries(states[name]!).map(([key, shape]) => {
      const view: ArrayView = { dtype: 'f32', shape, data: new Float32Array() }
      return [key, view] as const
    })
    const mapped = nn.mapState(new Map(shapes), mapping)
    const lines = [...mapped].map(([key, { shape }]) => `${key} ${shape}`).sort()
    const digest = createHash('sha256').update(lines.join('\n')).digest('hex')
    expect(digest).toBe(published[model].states)
  })

  test('another architecture: the known ones are listed', () => {
    expect(() => architectureOf('resnet26', 'config.json')).toThrow(
      /config\.json: expected an architecture of .*resnet18, .*mobilenetv2_100.*, got 'resnet26'. Is 'resnet\d+' near/,
    )
  })

  const cases: [string, unknown, RegExp][] = [
    ['no JSON', '{', /expected JSON/],
    ['a list', [], /an object/],
    [
      'of transformers',
      { model_type: 'vit' },
      /an 'architecture', as timm writes it, got a model of transformers, 'vit'/,
    ],
    ['classes below 1', { architecture: 'x', num_classes: 0 }, /num_classes of 1 and more, got 0/],
    ['a size of two', { architecture: 'x', input_size: [3, 4] }, /input_size of \[channels/],
    ['a mean in words', { architecture: 'x', mean: ['a'] }, /mean of numbers, got \["a"\]/],
    ['two means', { architecture: 'x', mean: [1, 2] }, /of 3 channels/],
    ['no crop', { architecture: 'x', crop_pct: 0 }, /crop_pct above 0/],
    [
      'too few names',
      { architecture: 'x', num_classes: 2, label_names: ['a'] },
      /2 names of classes, got 1/,
    ],
  ]
  test.each(cases)('a config.json: %s', (_, config, message) => {
    const text = typeof config === 'string' ? config : JSON.stringify(config)
    expect(() => parseConfig(text, 'config.json')).toThrow(message)
  })

  test('an older config.json, and names by number', () => {
    const text = JSON.stringify({
      architecture: 'resnet18',
      num_classes: 2,
      input_size: [1, 28, 28],
      mean: [0.1, 0.2, 0.3],
      std: [0.5],
      id2label: { 0: 'no', 1: 'yes' },
    })
    expect(parseConfig(text, 'config.json')).toEqual({
      architecture: 'resnet18',
      classes: 2,
      preprocessing: {
        inputShape: [1, 28, 28],
        mean: [0.1],
        std: [0.5],
        interpolation: 'bilinear',
        crop: 0.875,
      },
      classNames: ['no', 'yes'],
    })
  })
})
