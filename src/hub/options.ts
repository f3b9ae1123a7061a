import { BrickError } from '../base/errors.ts'
import { cacheFolder } from '../base/folders.ts'

/** How far a download is. */
export interface HubProgress {
  /** The file's name in the repository. */
  readonly file: string
  /** Bytes; those of an earlier, interrupted download count. */
  readonly received: number
  readonly total: number
}

export interface HubOptions {
  /** A branch, tag or commit. Default `main`. */
  readonly revision?: string
  /** The folder that keeps what was downloaded. Default `hub` in the user's cache folder. */
  readonly cache?: string
  /** Make no request; default whether `BRICKWORK_OFFLINE` or `HF_HUB_OFFLINE` is set to 1. */
  readonly offline?: boolean
  /** An access token (`hf_…`) for private and gated repositories. Default `HF_TOKEN`. */
  readonly token?: string
  /** The hub's address. Default `HF_ENDPOINT`, else huggingface.co. */
  readonly hubUrl?: string
  /** Milliseconds without any bytes after which a connection is given up. Default 30,000. */
  readonly timeout?: number
  /** How often a request is made again that failed or broke off without progress. Default 4. */
  readonly retries?: number
  readonly onProgress?: (progress: HubProgress) => void
}

/** A repository of models at a revision, and how it is reached. */
export interface Repository {
  readonly name: string
  readonly revision: string
  /** Its folder in the cache. */
  readonly folder: string
  readonly hubUrl: string
  readonly offline: boolean
  readonly token: string | undefined
  readonly timeout: number
  readonly retries: number
  readonly onProgress: ((progress: HubProgress) => void) | undefined
}

const isSet = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? '')

/**
 * A repository by its name, `owner/name`.
 *
 * @throws BrickError `argument` for what is no name or no token.
 */
export function repositoryOf(name: string, options: HubOptions): Repository {
  if (!/^(?:\w[\w.-]*\/)?\w[\w.-]*$/.test(name) || name.includes('..')) {
    throw new BrickError({
      kind: 'argument',
      where: 'hub',
      wanted: "a repository such as 'timm/resnet18.a1_in1k', or a folder that is there",
      got: `'${name}'`,
    })
  }
  const { HF_TOKEN, HF_ENDPOINT, BRICKWORK_OFFLINE, HF_HUB_OFFLINE } = process.env
  const token = options.token ?? (HF_TOKEN || undefined)
  if (token !== undefined && !token.startsWith('hf_')) {
    throw new BrickError({
      kind: 'argument',
      where: 'hub',
      wanted: "a token that begins with 'hf_'",
      got: 'another text',
      remedy: 'Make one at huggingface.co/settings/tokens, and pass { token } or set HF_TOKEN.',
    })
  }
  return {
    name,
    revision: options.revision ?? 'main',
    folder: `${options.cache ?? `${cacheFolder()}/hub`}/${name.replace('/', '--')}`,
    hubUrl: (options.hubUrl ?? (HF_ENDPOINT || 'https://huggingface.co')).replace(/\/+$/, ''),
    offline: options.offline ?? (isSet(BRICKWORK_OFFLINE) || isSet(HF_HUB_OFFLINE)),
    token,
    timeout: options.timeout ?? 30_000,
    retries: options.retries ?? 4,
    onProgress: options.onProgress,
  }
}
