// What the tests of worker threads load: in a module, so that another thread can make it again.

const at = process.env['BRICKWORK_TEST_BUILD'] ?? ''
const { data } = await import(at.concat('/index.js'))

/** @param {number} value */
const row = (value) => ({ dtype: 'f32', shape: [1], data: Float32Array.of(value) })

class Numbers extends data.Dataset {
  name = 'numbers'
  /** @param {number} length @param {(index: number) => unknown} [before] */
  constructor(length, before) {
    super()
    this.length = length
    this.before = before
  }
  /** @param {number} index */
  async get(index) {
    await this.before?.(index)
    return { input: row(index), target: data.classTarget(index % 3) }
  }
}

/** @param {number} length */
export const numbers = (length) => new Numbers(length)

/** Items that fail, kill the thread, never come, or say which thread made them. */
export const failing = () =>
  new Numbers(20, (index) => {
    if (index === 7) throw new Error('item 7 is rotten')
  })
export const deadly = () =>
  new Numbers(20, (index) => {
    if (index === 7) process.exit(3)
  })
export const silent = () =>
  new Numbers(20, (index) => (index === 7 ? new Promise(() => {}) : undefined))
export const greedy = () =>
  new Numbers(20, (index) => {
    if (index !== 7) return
    queueMicrotask(() => {
      throw new RangeError('thrown outside of any promise')
    })
    return new Promise(() => {})
  })
export const informed = () =>
  /** @type {any} */ (new Numbers(8)).map((/** @type {any} */ item) => ({
    ...item,
    input: row(data.workerInfo() ? data.workerInfo().id * 100 + data.workerInfo().workers : -1),
  }))

/** Adds random numbers to an input. */
export const noisy =
  () => (/** @type {any} */ item, /** @type {number} */ _, /** @type {any} */ random) => ({
    ...item,
    input: row(item.input.data[0] + random.uniform()),
  })

class Stream extends data.IterableDataset {
  name = 'stream'
  async *iterate() {
    for (let i = 0; i < 10; i++) yield { input: row(i), target: row(i) }
  }
}
export const stream = () => new Stream()

/** Makes plain numbers of items. */
export const sum = () => (/** @type {any[]} */ items) =>
  items.reduce((total, item) => total + item.input.data[0], 0)

/** Items that say how often they were made in this thread. */
export const counting = () => {
  let made = 0
  const set = new Numbers(6)
  return /** @type {any} */ (set)
    .map((/** @type {any} */ item) => ({ ...item, input: row(made++) }))
    .cache()
}
