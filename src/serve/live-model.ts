import { Batcher, type BatcherOptions } from './batcher.ts'
import { Refusal, unavailable } from './refusal.ts'
import type { OpenServable, Servable } from './servable.ts'

/** A version that answers, with its own queue. */
export interface Live {
  readonly servable: Servable
  readonly batcher: Batcher
}

/** What is told of a change of versions. */
export interface ReloadListener {
  /** It is read, and each of these batches will be computed once, which may take a compiler. */
  preparing(servable: Servable, batches: readonly number[]): void
  loaded(live: Live, milliseconds: number): void
  failed(version: string, reason: unknown): void
}

const namePattern = /^[\w.:-]{1,100}$/

/**
 * The version of a model that answers now, and its change: a new one is loaded and warmed up beside
 * the old one and then takes its place. Requests that the old one has taken on are answered by it.
 */
export class LiveModel {
  readonly #open: OpenServable
  readonly #options: BatcherOptions
  readonly #listener: ReloadListener
  #live: Live | undefined
  #versions = 0
  /** Loads follow each other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(open: OpenServable, options: BatcherOptions, listener: ReloadListener) {
    this.#open = open
    this.#options = options
    this.#listener = listener
  }

  /** What answers now, if anything does. */
  get live(): Live | undefined {
    return this.#live
  }

  /** @throws Refusal 503 while the first version is being loaded. */
  require(): Live {
    if (this.#live) return this.#live
    throw unavailable('a request while the model is being loaded', 'one after it')
  }

  /**
   * What answers under this name, and version if there is one.
   *
   * @throws Refusal 404 for others, 503 while the first version is being loaded.
   */
  named(name: string, version?: string): Live {
    const live = this.require()
    const { servable } = live
    if (name !== servable.name) throw unknown('model', name, servable)
    if (version !== undefined && version !== servable.version) {
      throw unknown('version', version, servable)
    }
    return live
  }

  /**
   * Loads the model anew, after loads that are under way. The old version goes on if it fails.
   *
   * @throws what `open` throws, and the model on its first batches.
   */
  load(): Promise<Live> {
    const loading = this.#last.then(() => this.#load())
    this.#last = loading.catch(() => {})
    return loading
  }

  async #load(): Promise<Live> {
    const version = `${++this.#versions}`
    const start = performance.now()
    try {
      const servable = await this.#open(version)
      if (!namePattern.test(servable.name)) throw badName(servable.name)
      const batcher = new Batcher(servable, this.#options)
      this.#listener.preparing(servable, batcher.sizes)
      await batcher.warmUp()
      // Nobody will join those that the old version has taken on.
      this.#live?.batcher.hurry()
      this.#live = { servable, batcher }
      this.#listener.loaded(this.#live, performance.now() - start)
      return this.#live
    } catch (reason) {
      this.#versions--
      this.#listener.failed(version, reason)
      throw reason
    }
  }
}

function unknown(what: 'model' | 'version', got: string, servable: Servable): Refusal {
  const { name, version } = servable
  return new Refusal(404, {
    where: what === 'model' ? 'model' : `model ${name}, version`,
    got: `'${got.slice(0, 100)}'`,
    wanted: `'${what === 'model' ? name : version}', the one that is served`,
  })
}

function badName(name: string): Refusal {
  const wanted = 'a name of letters, digits and . _ - :, up to 100'
  return new Refusal(500, { where: 'serve: name of the model', wanted, got: `'${name}'` })
}
