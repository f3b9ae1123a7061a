import { join } from 'node:path'
import { writeAtomically } from '../files/atomic.ts'
import { similarImages } from '../vision/similar.ts'
import { contactSheet, similarPage } from '../vision/similar-page.ts'
import { onBackend } from './backend.ts'
import type { SimilarFlags } from './flags.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'
import { counterFor } from './terminal/counter.ts'

/** Finds the images of a folder that are most similar to another. */
export async function similarCommand(
  query: string,
  flags: SimilarFlags,
  output: Output,
): Promise<number> {
  return onBackend(flags, async () => {
    const { in: folder, metric = 'cosine', top = 12, layer, out = '.' } = flags
    const network = await openNetwork(flags.model, flags)
    const counter = await counterFor('features', output)
    const found = await similarImages(network, query, folder, {
      metric,
      top,
      onCompute: (images) =>
        output.print(`computing the features of ${images.toLocaleString('en-US')} images …\n`),
      onProgress: counter.update,
      ...(layer === undefined ? {} : { layer }),
    }).finally(counter.end)
    const by = [network.name, layer, `${metric} distance`].filter(Boolean).join(', ')
    const subject = { query, found, by }
    const [page, sheet] = [join(out, 'similar.html'), join(out, 'similar.png')]
    await writeAtomically(page, new TextEncoder().encode(await similarPage(subject)))
    await writeAtomically(sheet, await contactSheet(subject))
    output.event({ event: 'similar', query, by, found, page, sheet })
    for (const { path, distance } of found) output.print(`  ${distance.toFixed(3)}  ${path}`)
    output.print(`\npage           ${page}\ncontact sheet  ${sheet}`)
    return 0
  })
}
