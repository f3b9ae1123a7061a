/**
 * A server to be loaded: `node server.js lenet|squeezenet1_1 MAX_BATCH THREADS`. Its first line is
 * its address; it ends with its parent.
 */
import { createBackend, models, useBackend } from '../../src/index.ts'
import { servableClassifier } from '../../src/serve/classifier-servable.ts'
import { serve } from '../../src/serve/serve.ts'
import { Classifier } from '../../src/vision/classifier.ts'
import { imagenetPreprocessing, type Preprocessing } from '../../src/vision/preprocessing.ts'

const [name = '', maxBatch, threads] = process.argv.slice(2)

const digits: Preprocessing = {
  size: [28, 28],
  channels: 'grey',
  resize: null,
  interpolation: 'bilinear',
  normalize: { mean: [0.1307], std: [0.3081] },
  ink: true,
}

const kinds = {
  lenet: { inputShape: [1, 28, 28], classes: 10, preprocessing: digits },
  squeezenet1_1: {
    inputShape: [3, 224, 224],
    classes: 1000,
    preprocessing: imagenetPreprocessing(),
  },
} as const

await useBackend(await createBackend('native', { threads: Number(threads) }))
const { preprocessing, ...sizes } = kinds[name as keyof typeof kinds]
const classifier = new Classifier({
  name,
  model: models.createModel(name, sizes),
  classNames: Array.from({ length: sizes.classes }, (_, i) => `class ${i}`),
  preprocessing,
})
const { url } = await serve((version) => servableClassifier(classifier, version), {
  port: 0,
  maxBatch: Number(maxBatch),
})
console.log(url)
process.stdin.on('end', () => process.exit(0)).resume()
