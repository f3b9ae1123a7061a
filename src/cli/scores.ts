import type { ClassificationReport } from '../vision/evaluation.ts'
import type { Output } from './output.ts'
import { drawClassScores, drawMixUps } from './terminal/class-scores.ts'
import { drawConfusion } from './terminal/confusion.ts'

/** Classes up to which the whole confusion matrix is shown. */
const MATRIX = 20

/** How the classes were recognised: the confusion matrix, or of many classes a line each and the worst pairs. */
export function drawScores({ classes, confusion }: ClassificationReport, output: Output): string {
  const names = classes.map(({ name }) => name)
  if (names.length <= MATRIX) return drawConfusion(confusion, names, output)
  const parts = [drawClassScores(classes, output), drawMixUps(confusion, names, output)]
  return parts.filter(Boolean).join('\n')
}
