import { relative, sep } from 'node:path'

/** How this program is called from the current folder: `node dist/cli/main.js`, or `npx brickwork`. */
export function commandPrefix(script = process.argv[1] ?? '', folder = process.cwd()): string {
  const path = relative(folder, script).split(sep).join('/')
  const isOurs = path.endsWith('cli/main.js') && !path.startsWith('..')
  return isOurs && !path.includes('node_modules') ? `node ${path}` : 'npx brickwork'
}
