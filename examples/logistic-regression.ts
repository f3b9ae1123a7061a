// Logistic regression: how likely it is that a tumour is benign, by 30 measurements of its cells.
//
// The model is one neuron: p = σ(w · x + b). Its log loss, −log of what it gives to the true class,
// is convex: gradient descent comes to the same weights from any start. Inputs are brought to mean
// 0 and standard deviation 1 by the training examples alone, so that the test set stays unseen.
//
// Look at the weights: all inputs are of one scale, so the largest weights belong to what the model
// goes by. Negative ones speak against benign.
//
// Expect:
//   accuracy ≥ 95.0 %
//   area under the ROC curve ≥ 0.980
import { data, manualSeed, metrics, nn, optim, type Tensor, train } from 'brickwork'

const epochs = process.argv.includes('--full') ? 300 : 30

const tumours = await data.breastCancer()
const [trainSet, test] = tumours.split(0.8, { stratified: true })
const normalize = data.statistics(trainSet!)

manualSeed(1)
const model = new nn.Linear(30, 1)
await train.fit(model, trainSet!, {
  loss: (output: Tensor, target: Tensor) => nn.bceWithLogits(output.squeeze(1), target.to('f32')),
  optimizer: optim.sgd({ lr: 0.1, weightDecay: 1e-3 }),
  epochs,
  normalize,
  progress: 'none',
})

const { metrics: found } = await train.evaluate(model, test!, {
  normalize,
  metrics: [metrics.accuracy, metrics.precision(), metrics.recall(), metrics.rocAuc()],
})
const percent = (name: string) => `${(100 * Number(found[name])).toFixed(1)} %`
console.log(`${test!.length} tumours that the model has never seen:`)
console.log(`  accuracy    ${percent('accuracy')}`)
console.log(`  precision   ${percent('precision')} of those called benign are so`)
console.log(`  recall      ${percent('recall')} of the benign ones are found`)
console.log(`  area under the ROC curve ${Number(found['roc-auc']).toFixed(3)}`)

const weights = [...(await model.weight.data())].map((weight, i) => ({
  weight,
  name: tumours.featureNames![i]!,
}))
weights.sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
console.log('\nlargest weights:')
for (const { weight, name } of weights.slice(0, 6)) {
  console.log(`  ${weight.toFixed(2).padStart(5)}  ${name}`)
}
