import type { Classifier } from '../vision/classifier.ts'
import { load } from '../vision/load.ts'
import type { NetworkFlags } from './flags.ts'

/**
 * The network that a command is told to use.
 *
 * @throws BrickError as `vision.load`.
 */
export function openNetwork(source: string, flags: NetworkFlags): Promise<Classifier> {
  const { checkpoint, weights, preprocessing, classes, size, revision } = flags
  const given = { checkpoint, weights, preprocessing, classNames: classes, size, revision }
  const said = Object.entries(given).filter(([, value]) => value !== undefined)
  return load(source, Object.fromEntries(said))
}
