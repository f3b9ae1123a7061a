/** What is made of sounds before a network hears them. */
export {
  hzToMel,
  type MelOptions,
  type MelScale,
  type MelSpectrogramOptions,
  type MfccOptions,
  melFilterbank,
  melSpectrogram,
  melToHz,
  mfcc,
  powerToDb,
} from './mel.ts'
export { type ResampleOptions, resample } from './resample.ts'
export type { Signal } from './signal.ts'
export { type SpectrogramOptions, type StftOptions, spectrogram, stft } from './spectrum.ts'
