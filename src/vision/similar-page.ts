import { pathToFileURL } from 'node:url'
import sharp from 'sharp'
import { interleaved } from '../data/readers/image.ts'
import { drawGallery } from '../plot/gallery.ts'
import { thumbnail } from './picture.ts'
import type { SimilarImage } from './similar.ts'

const SIDE = 240
/** Images on a contact sheet, which is held in memory whole. */
const ON_SHEET = 120

/** What a page of similar images says of itself. */
export interface SimilarSubject {
  readonly query: string
  readonly found: readonly SimilarImage[]
  /** Which network, layer and distance: `squeezenet1_1, cosine`. */
  readonly by: string
}

/** A page that holds its images, smaller, and needs nothing else. */
export async function similarPage({ query, found, by }: SimilarSubject): Promise<string> {
  const cards = await Promise.all(
    found.map(async ({ path, distance }, i) => card(path, `${i + 1} · ${distance.toFixed(3)}`)),
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Similar to ${escaped(nameOf(query))}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #24292f; background: #f6f7f9 }
  h1 { font-size: 1.4rem; font-weight: 600 }
  p { color: #57606a }
  main { display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: 1rem }
  figure { margin: 0; background: #fff; border: 1px solid #dee2e7; border-radius: 8px; overflow: hidden }
  figure.query { max-width: 15rem; margin-bottom: 1.5rem }
  img { display: block; width: 100%; height: 11rem; object-fit: contain; background: #eef0f3 }
  figcaption { padding: .4rem .7rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
  figcaption small { color: #77808a; display: block }
</style>
<h1>Similar to ${escaped(nameOf(query))}</h1>
<p>The nearest by ${escaped(by)}; the smaller the number, the more alike.</p>
${await card(query, 'query', 'query')}
<main>
${cards.join('\n')}
</main>
</html>
`
}

async function card(path: string, note: string, kind = ''): Promise<string> {
  const image = await thumbnail(path, SIDE)
  const [, height = 0, width = 0] = image.shape
  const raw = { width, height, channels: 3 as const }
  const jpeg = await sharp(interleaved(image), { raw }).jpeg({ quality: 82 }).toBuffer()
  const source = `data:image/jpeg;base64,${jpeg.toString('base64')}`
  const link = escaped(pathToFileURL(path).href)
  return [
    `<figure${kind ? ` class="${kind}"` : ''}><a href="${link}"><img src="${source}" alt=""></a>`,
    `<figcaption title="${escaped(path)}">${escaped(nameOf(path))}<small>${escaped(note)}</small></figcaption></figure>`,
  ].join('\n')
}

/** A PNG with the query and the first 120 that were found, for those who want one picture. */
export async function contactSheet({ query, found, by }: SimilarSubject): Promise<Uint8Array> {
  const shown = async (path: string, label: string) => ({
    image: await thumbnail(path, 144),
    label,
  })
  const nearest = found.slice(0, ON_SHEET)
  return drawGallery(
    [
      { title: `similar to ${nameOf(query)}`, images: [await shown(query, nameOf(query))] },
      {
        title: `by ${by}`,
        images: await Promise.all(
          nearest.map(({ path, distance }) =>
            shown(path, `${distance.toFixed(3)} ${nameOf(path)}`),
          ),
        ),
      },
    ],
    { columns: 6, size: 144 },
  )
}

/** The file's name with its folder's: `14/00012.png`. */
const nameOf = (path: string): string => path.split(/[\\/]/).slice(-2).join('/')

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}
const escaped = (text: string): string => text.replaceAll(/[&<>"]/g, (c) => entities[c]!)
