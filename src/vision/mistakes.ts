import type { Dataset } from '../data/dataset.ts'
import { drawGallery } from '../plot/gallery.ts'
import type { ClassificationReport } from './evaluation.ts'

/** A PNG of the images that a network is most wrong about, each with its class and what it was taken for. */
export async function mistakesGallery(
  dataset: Dataset,
  { mistakes, examples }: Pick<ClassificationReport, 'mistakes' | 'examples'>,
  classNames: readonly string[],
  { each = 40 }: { readonly each?: number } = {},
): Promise<Uint8Array> {
  const worst = mistakes.slice(0, each).map(async ({ index, label, predicted, probability }) => {
    const { input } = await dataset.get(index)
    const guess = `${shortName(classNames[predicted]!)} ${Math.round(100 * probability)} %`
    return { image: input, label: shortName(classNames[label]!), predicted: guess }
  })
  const title = `worst of ${mistakes.length} mistakes in ${examples}`
  return drawGallery([{ title, images: await Promise.all(worst) }], { columns: 8, size: 112 })
}

/** The first of a class's names: 'Samoyed, Samoyede' → 'Samoyed'. */
export const shortName = (name: string): string => name.split(',')[0]!
