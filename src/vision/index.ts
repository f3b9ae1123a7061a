/** Networks at work on images: with pretrained weights, their classes and their preprocessing. */
export {
  Classifier,
  type ClassifierParts,
  type ClassifyOptions,
  type Guess,
} from './classifier.ts'
export {
  type ClassificationReport,
  type ClassScore,
  type EvaluateClassifierOptions,
  evaluateClassifier as evaluate,
  type Mistake,
} from './evaluation.ts'
export type { ComputeFeaturesOptions, FeatureFile } from './feature-file.ts'
export { type FeatureOptions, type LastLayer, lastLayer, Trunk, trunkOf } from './features.ts'
export type { ImageSets, ImageSetsOptions } from './image-sets.ts'
export {
  computeFeatures,
  contactSheet,
  imageSets,
  labelledFolder,
  labelledPicture,
  load,
  mistakesGallery,
  neighbourIndex,
  similarImages,
  similarPage,
} from './lazy.ts'
export type { LoadClassifierOptions } from './load.ts'
export type { Metric, NeighbourIndex, NeighbourOptions } from './neighbours.ts'
export type { LabelledImage } from './picture.ts'
export {
  datasetPreprocessing,
  imagenetPreprocessing,
  inputShapeOf,
  type PlaneStatistics,
  type Preprocessing,
  resized,
} from './preprocessing.ts'
export { pretrainedNames } from './pretrained.ts'
export type { SimilarImage, SimilarOptions } from './similar.ts'
export type { SimilarSubject } from './similar-page.ts'
export { type Transfer, type TransferOptions, transfer } from './transfer.ts'
