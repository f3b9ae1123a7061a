import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { cacheFolder } from '../src/base/folders.ts'
import { writeAtomically } from '../src/files/atomic.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'brickwork-atomic-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const bytes = (text: string) => new TextEncoder().encode(text)

describe('writeAtomically', () => {
  test('writes whole files, replaces old ones, makes the folder', async () => {
    const path = join(folder, 'deep/er/a.txt')
    await writeAtomically(path, bytes('old'))
    await writeAtomically(path, [bytes('n'), bytes(''), bytes('ew')])
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(readdirSync(join(folder, 'deep/er'))).toEqual(['a.txt'])
  })

  test.each([
    ['ENOSPC', /full disk \(ENOSPC\)\. Free some space/],
    ['EACCES', /no permission \(EACCES\)/],
    ['EROFS', /read-only file system \(EROFS\)/],
    ['EWEIRD', /got it broke$/],
  ])('after %s in the middle the old file stands and nothing else', async (code, message) => {
    const path = join(folder, 'a.txt')
    writeFileSync(path, 'old')
    function* failing() {
      yield bytes('half of the n')
      throw Object.assign(new Error('it broke'), { code })
    }
    const written = writeAtomically(path, failing())
    await expect(written).rejects.toThrow(message)
    await expect(written).rejects.toMatchObject({ kind: 'file', where: path })
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(folder)).toEqual(['a.txt'])
  })

  test('a folder that is a file, and a file that is a folder', async () => {
    writeFileSync(join(folder, 'file'), '')
    await expect(writeAtomically(join(folder, 'file/a'), bytes(''))).rejects.toThrow(/file where/)
    mkdirSync(join(folder, 'folder/in'), { recursive: true })
    await expect(writeAtomically(join(folder, 'folder'), bytes(''))).rejects.toThrow(/folder where/)
    expect(readdirSync(folder).sort()).toEqual(['file', 'folder'])
  })
})

test('cacheFolder', () => {
  const home = { HOME: '/home/ada' }
  expect(cacheFolder({ ...home, BRICKWORK_CACHE: '/c' }, 'linux')).toBe('/c')
  expect(cacheFolder({ ...home, XDG_CACHE_HOME: '/x' }, 'linux')).toBe('/x/brickwork')
  expect(cacheFolder(home, 'linux')).toBe('/home/ada/.cache/brickwork')
  expect(cacheFolder(home, 'darwin')).toBe('/home/ada/Library/Caches/brickwork')
  expect(cacheFolder({ LOCALAPPDATA: 'C:/L' }, 'win32')).toBe('C:/L/brickwork/Cache')
  expect(() => cacheFolder({}, 'linux')).toThrow(/Set BRICKWORK_CACHE/)
})

test.skipIf(!existsSync('/proc/self'))(
  'a folder that can never be made is refused, not waited for',
  async () => {
    await expect(writeAtomically('/proc/none/file', bytes(''))).rejects.toThrow(
      /no such file|permission/,
    )
  },
)
