import { existsSync } from 'node:fs'
import { type BrowserContext, chromium } from 'playwright-core'

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A Chromium of this machine; undefined where there is none: tests that need it say so. */
export const chromiumPath = paths.find((path) => existsSync(path))
if (!chromiumPath) console.log('skipped: browser tests (no Chromium on this machine)')

/** Starts it with a profile of its own. */
export function startChromium(profile: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath!,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
