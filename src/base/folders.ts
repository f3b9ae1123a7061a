import { BrickError } from './errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The user's folder for what can be had again (downloads, compiled programs): `BRICKWORK_CACHE`,
 * else `brickwork` in `XDG_CACHE_HOME`, else where the platform keeps caches. It may not exist yet.
 *
 * @throws BrickError `file` if no variable says where the home folder is.
 * @example
 * ```ts
 * cacheFolder({ HOME: '/home/ada' }, 'linux') // '/home/ada/.cache/brickwork'
 * ```
 */
export function cacheFolder(
  environment: Environment = process.env,
  platform: string = process.platform,
): string {
  const { BRICKWORK_CACHE, XDG_CACHE_HOME, LOCALAPPDATA, HOME, USERPROFILE } = environment
  if (BRICKWORK_CACHE) return BRICKWORK_CACHE
  if (XDG_CACHE_HOME) return `${XDG_CACHE_HOME}/brickwork`
  if (platform === 'win32' && LOCALAPPDATA) return `${LOCALAPPDATA}/brickwork/Cache`
  const home = HOME || USERPROFILE
  if (home) return `${home}/${platform === 'darwin' ? 'Library/Caches' : '.cache'}/brickwork`
  throw new BrickError({
    kind: 'file',
    where: 'cache folder',
    got: 'no HOME',
    wanted: 'a home folder or BRICKWORK_CACHE',
    remedy: 'Set BRICKWORK_CACHE to a folder that can be written.',
  })
}
