import type { CorruptImage } from '../data/readers/image-folder.ts'
import type { Output } from './output.ts'

/** Images that are named, at most. */
const NAMED = 5

/** Takes note of images that can't be decoded, for `--skip-corrupt`, and tells of them. */
export class CorruptImages {
  readonly #found = new Map<string, string>()
  /** For the readers of folders; undefined where corrupt images end the command. */
  readonly onSkip: ((image: CorruptImage) => void) | undefined

  constructor(skips = false) {
    this.onSkip = skips ? ({ path, reason }) => void this.#found.set(path, reason) : undefined
  }

  /** As options of what reads a folder. */
  get options(): { readonly onSkip?: (image: CorruptImage) => void } {
    return this.onSkip ? { onSkip: this.onSkip } : {}
  }

  tell(output: Output): void {
    if (this.#found.size === 0) return
    const images = [...this.#found].map(([path, reason]) => ({ path, reason }))
    output.event({ event: 'skipped', images })
    output.error(`${images.length} images can't be decoded and are left out:`)
    for (const { path, reason } of images.slice(0, NAMED)) output.error(`  ${path}: ${reason}`)
    if (images.length > NAMED) output.error(`  … and ${images.length - NAMED} more`)
  }
}
