/** Networks and files from the Hugging Face hub, or from local folders like its repositories. */
import type { HubOptions } from './options.ts'
import type { Pretrained, PretrainedOptions } from './pretrained.ts'

export type { Preprocessing } from './config.ts'
export type { HubOptions, HubProgress } from './options.ts'
export type { Pretrained, PretrainedOptions } from './pretrained.ts'

// These use files and the network: they are fetched when called, so that browsers need none of it.

/**
 * A network of the zoo with published weights: its config.json (as timm writes it) says which it is,
 * how many classes it knows and how images are prepared. Downloads go on where they were broken off,
 * are checked by their SHA-256, and are kept in the cache folder; without a connection, or with
 * `BRICKWORK_OFFLINE=1`, what is there is used. A local folder or file stands for itself.
 *
 * @param name A repository of the hub, `owner/name`, or the path of a folder like one.
 * @throws BrickError `network` if the hub can't be reached, `unknown` for a repository that is not
 * there or an architecture that the zoo lacks, `argument` without access to a gated one, `file` for
 * a damaged file or a full disk, `checkpoint` for weights that are not the network's.
 * @example
 * ```ts
 * const { model, preprocessing, classNames } = await hub.fromPretrained('timm/resnet18.a1_in1k')
 * ```
 */
export async function fromPretrained(
  name: string,
  options?: PretrainedOptions,
): Promise<Pretrained> {
  return (await import('./pretrained.ts')).loadPretrained(name, options)
}

/**
 * Downloads files of a repository, as {@link fromPretrained} does, and gives their paths by name.
 *
 * @throws BrickError as {@link fromPretrained}; `file` for names that the repository does not have.
 * @example
 * ```ts
 * const files = await hub.download('timm/resnet18.a1_in1k', ['model.safetensors'])
 * const arrays = await weights.load(files['model.safetensors'])
 * ```
 */
export async function download(
  name: string,
  files: readonly string[],
  options?: HubOptions,
): Promise<Record<string, string>> {
  return (await import('./snapshot.ts')).downloadFiles(name, files, options)
}
