import { debugging } from '../base/debug.ts'

/** Where a node was asked for. Known only under BRICK_DEBUG=profile. */
export interface Origin {
  /** `path:line` of the program that uses Brickwork; empty where nothing is known. */
  readonly line: string
  /** Where in the model. */
  readonly scope: string
  /** Made for the gradient of what was asked for there. */
  readonly gradient: boolean
}

const capturing = debugging('profile')
const unknown: Origin = { line: '', scope: '', gradient: false }
/** What nodes are made on behalf of, now. */
let behalf: Origin | undefined

/** The origin of a node that is made now. */
export function currentOrigin(scope: string): Origin | undefined {
  if (!capturing) return undefined
  return behalf ?? { line: callingLine(), scope, gradient: false }
}

/** Runs `body`, whose nodes come from where another node came from: rewrites of it. */
export function onBehalfOf<T>(origin: Origin | undefined, body: () => T): T {
  if (!capturing) return body()
  const before = behalf
  behalf = origin ?? unknown
  try {
    return body()
  } finally {
    behalf = before
  }
}

/** The same for nodes that carry gradients through it. */
export function forGradientOf<T>(origin: Origin | undefined, body: () => T): T {
  return onBehalfOf(origin && { ...origin, gradient: true }, body)
}

/** The folder of Brickwork's own files. */
const home = pathOf(new URL('..', import.meta.url).href)
/** Rooms that do what others ask for. */
const servants = ['base', 'graph', 'gradient', 'tensor'].map((room) => `${home}${room}/`)
const DEEP = 100

/**
 * The innermost frame outside Brickwork and other packages, else the innermost one in Brickwork
 * that says what it is about: a layer, an optimizer.
 */
function callingLine(): string {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = DEEP
  const frames = framesOf(new Error().stack ?? '')
  Error.stackTraceLimit = limit
  const isOurs = (frame: string) => frame.startsWith(home)
  const isPackage = (frame: string) => /[\\/]node_modules[\\/]/.test(frame)
  const serves = (frame: string) => servants.some((folder) => frame.startsWith(folder))
  return (
    frames.find((frame) => !isOurs(frame) && !isPackage(frame)) ??
    frames.find((frame) => isOurs(frame) && !serves(frame))?.slice(home.length) ??
    ''
  )
}

/** The files and lines of a stack as engines print it, innermost first; not the engine's own. */
function framesOf(stack: string): string[] {
  return stack.split('\n').flatMap((text) => {
    const found = /(?:^|[\s(@])((?:\w+:\/\/|\/|[A-Za-z]:[\\/])[^()]*?:\d+)(?::\d+)?\)?$/.exec(text)
    return found ? [pathOf(found[1]!)] : []
  })
}

/** Without the scheme of files, so that modules are named alike however they were loaded. */
function pathOf(url: string): string {
  const path = url.replace(/^file:\/\//, '')
  try {
    return decodeURI(path)
  } catch {
    return path
  }
}
