/** Random and fixed changes of images, batch by batch. */
export {
  type ColorJitterOptions,
  colorJitter,
  grayscale,
  pcaNoise,
} from './color.ts'
export {
  type ApplyOptions,
  apply,
  compose,
  normalize,
  perExample,
  randomApply,
} from './compose.ts'
export {
  type CropOptions,
  centerCrop,
  type ResizedCropOptions,
  randomCrop,
  randomHorizontalFlip,
  randomResizedCrop,
  randomVerticalFlip,
  resize,
} from './crops.ts'
export {
  type AffineOptions,
  type PerspectiveOptions,
  randomAffine,
  randomPerspective,
  randomRotation,
  type WarpOptions,
} from './geometric.ts'
export { subtractMean } from './mean-image.ts'
export { type ErasingOptions, gaussianBlur, gaussianNoise, randomErasing } from './noise.ts'
