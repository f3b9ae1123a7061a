import { existsSync, statSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import pc from 'picocolors'
import { BrickError } from '../base/errors.ts'
import { servableClassifier } from '../serve/classifier-servable.ts'
import type { ServeOptions } from '../serve/options.ts'
import { type Server, serve } from '../serve/serve.ts'
import { checkpointPath } from '../train/checkpoint.ts'
import { onBackend } from './backend.ts'
import type { ServeFlags } from './flags.ts'
import { onInterrupt } from './interrupt.ts'
import { openNetwork } from './network.ts'
import type { Output } from './output.ts'
import { logLine } from './terminal/log-line.ts'

const MiB = 2 ** 20

/**
 * Serves a network over HTTP (of a run folder, or one with published weights) until it is told to stop (Ctrl-C, SIGTERM): then it
 * answers what is under way.
 *
 * @returns 0
 * @throws BrickError as `vision.load` and `serve`.
 */
export async function serveCommand(
  model: string,
  flags: ServeFlags,
  output: Output,
): Promise<number> {
  return onBackend(flags, async (backend) => {
    const interrupt = onInterrupt(() => output.print('\nAnswering what is under way …'))
    try {
      const { maxMegapixels = 64 } = flags
      const limits = { maxPixels: Math.ceil(maxMegapixels * MiB) }
      const open = async (version: string) =>
        servableClassifier(await openNetwork(model, flags), version, limits)
      const server = await serve(open, optionsOf(model, flags))
      tell(server, model, backend.name, flags, output)
      await stopped(interrupt.signal)
      await server.close()
    } finally {
      interrupt.release()
    }
    output.event({ event: 'stopped' })
    output.print('Stopped.')
    return 0
  })
}

function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
}

function optionsOf(run: string, flags: ServeFlags): ServeOptions {
  const { port, host, maxBatch, maxDelayMs, queue, timeoutMs, graceMs, feedback, logLevel } = flags
  const given = { port, host, maxBatch, maxDelayMs, queue, timeoutMs, graceMs, feedback, logLevel }
  const known = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  ) as ServeOptions
  return {
    ...known,
    ...(flags.maxBodyMb === undefined ? {} : { maxBodyBytes: Math.ceil(flags.maxBodyMb * MiB) }),
    ...(flags.feedbackMb === undefined ? {} : { feedbackBytes: flags.feedbackMb * MiB }),
    allowReload: flags.allowReload ?? false,
    watch: flags.watch ? watched(run, flags) : [],
    log: logTo(process.stderr),
  }
}

/**
 * The files that a network comes from: of a run, the best epoch's where there is one.
 *
 * @throws BrickError `argument` for what has no files that could change.
 */
function watched(model: string, { checkpoint, weights }: ServeFlags): string[] {
  const names = checkpoint ? [checkpoint] : (['best', 'last'] as const)
  const paths = names.map((name) => checkpointPath(model, name))
  if (weights !== undefined) return [weights]
  if (paths.some((path) => existsSync(path))) return paths
  if (statSync(model, { throwIfNoEntry: false })?.isFile()) return [model]
  const wanted = 'a run folder, into which training writes checkpoints, or a file'
  throw new BrickError({ kind: 'argument', where: 'serve --watch', wanted, got: `'${model}'` })
}

/** Short lines for people; JSON into pipes and files, where programs read it. */
function logTo(stream: NodeJS.WriteStream): NonNullable<ServeOptions['log']> {
  if (!stream.isTTY) return stream
  const colors = pc.createColors(pc.isColorSupported)
  return { write: (line) => void stream.write(logLine(line, colors)) }
}

function tell(
  { url, servable }: Server,
  run: string,
  backend: string,
  flags: ServeFlags,
  output: Output,
): void {
  const { name, version, inputs, outputs } = servable
  output.event({ event: 'serving', url, model: name, version, run, backend })
  const { bold, dim, yellow } = output.colors
  const shapes = [inputs, outputs].map(([meta]) => `[n, ${meta.shape.slice(1).join(', ')}]`)
  output.print(`${bold(name)} ${shapes.join(' → ')}  ${dim(`${run}, ${backend}`)}`)
  output.print(`\n  ${bold(url)}\n`)
  for (const line of examples(url, servable, run)) output.print(`  ${line}`)
  const { host } = flags
  if (host !== undefined && !isLoopback(host)) {
    output.error(
      `${yellow('Note')}: at ${host}, whoever reaches this machine over the network can use the model. There is no password: put a proxy with one in front.`,
    )
  }
  output.print(`\n${dim('Ctrl-C answers what is under way and stops.')}\n`)
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))

/** Calls to try. */
function examples(url: string, { name, image }: Server['servable'], run: string): string[] {
  const picture = existsSync(`${run}/try.png`) ? `${run}/try.png` : 'IMAGE.png'
  return [
    ...(image
      ? [`curl --data-binary @${picture} -H 'Content-Type: image/png' ${url}/classify`]
      : []),
    `curl ${url}/v2/models/${name}`,
    `curl ${url}/`,
  ]
}
