import { modelInfo, pathsInfo } from '@huggingface/hub'
import { BrickError } from '../base/errors.ts'
import { HubCache } from './cache.ts'
import { ask } from './connection.ts'
import { type HubOptions, type Repository, repositoryOf } from './options.ts'
import { type RemoteFile, transfer } from './transfer.ts'

/** A repository at one commit, of which files can be had. */
export interface Snapshot {
  readonly name: string
  readonly commit: string
  /** Where its files lie. */
  readonly folder: string
  /** `cache` if the hub was not asked: offline, not reached, or the commit was named. */
  readonly source: 'hub' | 'cache'
  /**
   * Files' paths by their names: from the cache, else downloaded. Names that the repository does not
   * have are left out.
   */
  get(names: readonly string[]): Promise<Map<string, string>>
}

/**
 * Finds out what a revision stands for. Without a connection, or offline, it stands for what it did
 * when the hub was last asked.
 *
 * @throws BrickError `network`, `unknown` or `argument` as {@link ask}; `file` if offline and it was
 * never downloaded.
 */
export async function openSnapshot(name: string, options: HubOptions = {}): Promise<Snapshot> {
  const repository = repositoryOf(name, options)
  const cache = new HubCache(repository.folder)
  const { commit, source } = await commitOf(repository, cache)
  return {
    name,
    commit,
    folder: cache.snapshot(commit),
    source,
    get: (names) => filesOf(repository, cache, commit, source, names),
  }
}

/** See `hub.download`. */
export async function downloadFiles(
  name: string,
  files: readonly string[],
  options: HubOptions = {},
): Promise<Record<string, string>> {
  const snapshot = await openSnapshot(name, options)
  const paths = await snapshot.get(files)
  const lost = files.filter((file) => !paths.has(file))
  if (lost.length === 0) return Object.fromEntries(paths)
  throw new BrickError({
    kind: 'file',
    where: `${name} at ${snapshot.commit}`,
    wanted: lost.join(', '),
    got: snapshot.source === 'cache' ? 'nothing that was downloaded before' : 'none',
    remedy: 'Check the names; offline, they must have been downloaded before.',
  })
}

async function commitOf(
  repository: Repository,
  cache: HubCache,
): Promise<{ commit: string; source: Snapshot['source'] }> {
  const { revision, name, offline } = repository
  if (/^[0-9a-f]{40}$/.test(revision))
    return { commit: revision, source: offline ? 'cache' : 'hub' }
  const known = await cache.commitOf(revision)
  if (offline) {
    if (known) return { commit: known, source: 'cache' }
    throw notCached(repository, `${name} at '${revision}'`)
  }
  try {
    const commit = await askForCommit(repository)
    await cache.remember(revision, commit)
    return { commit, source: 'hub' }
  } catch (error) {
    const isUnreached = error instanceof BrickError && error.kind === 'network'
    if (!known || !isUnreached) throw error
    return { commit: known, source: 'cache' }
  }
}

async function askForCommit(repository: Repository): Promise<string> {
  const { sha } = await ask(repository, 'the repository', ({ fetch }) =>
    modelInfo({
      name: repository.name,
      revision: repository.revision,
      additionalFields: ['sha'],
      ...access(repository),
      fetch,
    }),
  )
  if (typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha)) return sha
  throw strange(repository, 'a commit of 40 digits', JSON.stringify(sha))
}

async function filesOf(
  repository: Repository,
  cache: HubCache,
  commit: string,
  source: Snapshot['source'],
  names: readonly string[],
): Promise<Map<string, string>> {
  names.forEach(checkName)
  const paths = new Map<string, string>()
  for (const name of names) {
    const path = await cache.find(commit, name)
    if (path !== undefined) paths.set(name, path)
  }
  const rest = names.filter((name) => !paths.has(name))
  if (source === 'cache' || rest.length === 0) return paths
  for (const file of await askForFiles(repository, commit, rest)) {
    await transfer(repository, cache, commit, file)
    paths.set(file.path, await cache.name(file.checksum, commit, file.path))
  }
  return paths
}

/** A path inside a repository, which must not lead out of a folder. */
function checkName(name: string): void {
  const parts = name.split('/')
  if (parts.every((part) => part && part !== '.' && part !== '..' && !/[\\:\0]/.test(part))) return
  throw new BrickError({
    kind: 'argument',
    where: 'hub',
    wanted: 'names of files',
    got: `'${name}'`,
  })
}

async function askForFiles(
  repository: Repository,
  commit: string,
  names: readonly string[],
): Promise<RemoteFile[]> {
  const infos = await ask(repository, names.join(', '), ({ fetch }) =>
    pathsInfo({
      repo: { type: 'model', name: repository.name },
      paths: [...names],
      revision: commit,
      ...access(repository),
      fetch,
    }),
  )
  return infos
    .filter(({ path, type }) => type === 'file' && names.includes(path))
    .map(({ path, size, oid, lfs }) => {
      const checksum = lfs?.oid ?? oid ?? ''
      const isKnown = /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(checksum) && Number.isSafeInteger(size)
      if (isKnown) return { path, size: lfs?.size ?? size, checksum }
      throw strange(repository, `a size and a checksum of ${path}`, `${size}, '${checksum}'`)
    })
}

function access({ hubUrl, token }: Repository): { hubUrl: string; accessToken?: string } {
  return token === undefined ? { hubUrl } : { hubUrl, accessToken: token }
}

function strange({ name, hubUrl }: Repository, wanted: string, got: string): BrickError {
  return new BrickError({ kind: 'network', where: `${hubUrl}/${name}`, wanted, got })
}

/** The error for what would have to be downloaded, offline. */
export function notCached({ folder }: Pick<Repository, 'folder'>, what: string): BrickError {
  return new BrickError({
    kind: 'file',
    where: folder,
    wanted: what,
    got: 'nothing that was downloaded before',
    remedy:
      'Download it once without BRICKWORK_OFFLINE or { offline: true }, or name a local folder.',
  })
}
