import { expect, test } from 'vitest'
import type { TrainEvent } from '../src/train/events.ts'
import { linesReporter } from '../src/train/progress.ts'

const scores = { loss: 0.5, metrics: { accuracy: 0.9, 'macro-f1': 0.8, 'top-3': 0.99 } }
const events: readonly TrainEvent[] = [
  {
    type: 'start',
    epochs: 10,
    done: 0,
    steps: 45,
    metrics: Object.keys(scores.metrics).map((name) => ({ name, goal: 'max', unit: 'percent' })),
    hasValidation: true,
    hasSchedule: true,
    isStreamed: false,
    folder: undefined,
  },
  {
    type: 'epoch',
    epochs: 10,
    record: { epoch: 1, train: scores, validation: scores, lr: 0.1, seconds: 1.5 },
    isBest: true,
  },
]

/** What is written to a terminal of so many columns, or into a pipe. */
function written(columns: number, isTerminal = true): string[] {
  const parts: string[] = []
  const report = linesReporter({ isTerminal, columns, write: (text) => void parts.push(text) })
  for (const event of events) void report(event)
  return parts.join('').trimEnd().split('\n')
}

test.each([
  [140, ['accuracy', 'macro-f1', 'top-3', 'lr']],
  [100, ['accuracy', 'lr']],
  [70, ['lr']],
  [52, []],
])('a terminal of %i columns shows what it has room for', (columns, names) => {
  const lines = written(columns)
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns)
  const shown = lines[1]!.split(/\s+/).filter((name) => !/^(epoch|loss|time|)$/.test(name))
  expect([...new Set(shown)]).toEqual(names)
  expect(lines.at(-1)).toMatch(/1\/10 .*0\.5000.*1\.50 s {2}best$/)
})

test('a pipe gets all columns', () => {
  expect(written(40, false)[1]).toContain('top-3')
  expect(written(40, false)).toEqual(written(200))
})
