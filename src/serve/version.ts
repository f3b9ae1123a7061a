import { existsSync, readFileSync } from 'node:fs'

let known: string | undefined

/** The package's version. */
export function packageVersion(): string {
  known ??= (JSON.parse(readFileSync(packageFile(), 'utf8')) as { version: string }).version
  return known
}

/** The nearest one above: the benchmark runs from a folder that lies deeper than the package's own. */
function packageFile(): URL {
  let file = new URL('../package.json', import.meta.url)
  while (!existsSync(file) && file.pathname.lastIndexOf('/') > 0) {
    file = new URL('../package.json', file)
  }
  return file
}
