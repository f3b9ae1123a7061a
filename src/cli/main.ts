#!/usr/bin/env node
/** The command line's door: nothing else is imported before this Node is known to be new enough. */

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `brickwork: expected Node 20.19 or newer, got ${process.versions.node}. Install a newer one from https://nodejs.org.\n`,
  )
  process.exitCode = 1
} else {
  const { runCommand } = await import('./program.ts')
  process.exitCode = await runCommand(process.argv.slice(2))
}

export {}
