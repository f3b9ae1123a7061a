import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createBackend } from '../src/tensor/choose.ts'
import { currentBackend, useBackend } from '../src/tensor/engine.ts'
import { readCheckpoint } from '../src/train/checkpoint.ts'
import { fit as trainModel } from '../src/train/fit.ts'
import type { EpochRecord } from '../src/train/history.ts'
import { bitsOf, circle, freshNet, temporaryFolder, usual } from './train-case.ts'

const folder = temporaryFolder()
const trainSet = circle(77)
const validation = circle(11, 1)
const original = await currentBackend()
afterAll(() => original.close())

/** What must be equal: all but the time that it took. */
const withoutTime = (history: readonly EpochRecord[]) =>
  history.map(({ epoch, train, validation }) => ({ epoch, train, validation }))

describe.each(['interpreter', original.name])('on %s', (backend) => {
  const options = { ...usual, validation, epochs: 4 }
  const whole = async () => {
    await useBackend(backend === original.name ? original : await createBackend(backend))
    const model = freshNet()
    const run = await trainModel(model, trainSet, options)
    return { run, bits: await bitsOf(model) }
  }

  test('2 + 2 epochs with a resume are 4 epochs, bit by bit', async () => {
    const { run, bits } = await whole()
    const out = join(folder, `halves-${backend}`)
    await trainModel(freshNet(), trainSet, { ...options, epochs: 2, out })
    const model = freshNet()
    const second = await trainModel(model, trainSet, { ...options, out, resume: true })
    expect(await bitsOf(model)).toEqual(bits)
    expect(withoutTime(second.history)).toEqual(withoutTime(run.history))
    expect(second.best).toEqual(run.best)
  })

  test('a run stopped in the middle of an epoch goes on exactly', async () => {
    const { run, bits } = await whole()
    const out = join(folder, `stopped-${backend}`)
    const controller = new AbortController()
    const stopped = await trainModel(freshNet(), trainSet, {
      ...options,
      out,
      signal: controller.signal,
      onEvent: (event) => {
        if (event.type === 'epoch' && event.record.epoch === 1)
          setImmediate(() => controller.abort())
        if (event.type === 'step' && event.epoch === 2) controller.abort()
      },
    })
    expect(stopped.stoppedBy).toBe('aborted')
    const { state } = await readCheckpoint(out, 'last')
    expect(state.history).toHaveLength(1)
    expect(state.position.batch).toBeGreaterThan(0)
    const model = freshNet()
    const rest = await trainModel(model, trainSet, { ...options, out, resume: true })
    expect(await bitsOf(model)).toEqual(bits)
    expect(withoutTime(rest.history)).toEqual(withoutTime(run.history))
  })
})

test('another seed gives other weights', async () => {
  const model = freshNet()
  const other = freshNet()
  await trainModel(model, trainSet, usual)
  await trainModel(other, trainSet, { ...usual, seed: 6 })
  expect(await bitsOf(model)).not.toEqual(await bitsOf(other))
})

test('a resumed run that is complete stays as it is', async () => {
  const out = join(folder, 'complete')
  const first = await trainModel(freshNet(), trainSet, { ...usual, out })
  const again = await trainModel(freshNet(), trainSet, { ...usual, out, resume: true })
  expect(again.history).toEqual(first.history)
})
