import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Admission } from './admission.ts'
import type { FeedbackStore } from './feedback-store.ts'
import type { LiveModel } from './live-model.ts'
import type { Metrics } from './metrics.ts'
import type { Settings } from './options.ts'
import type { RecentImages } from './recent-images.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Bytes behind the JSON part of an inference request. */
    tensorBytes: Uint8Array | undefined
  }
  interface FastifyContextConfig {
    /** Media types of the body: others are refused before it is read. */
    accepts?: { readonly types: RegExp; readonly words: string }
    /** Whether it counts as work, of which only so much is taken on at once. */
    isWork?: boolean
  }
}

/** What the addresses of one server share. */
export interface Context {
  readonly settings: Settings
  readonly live: LiveModel
  readonly metrics: Metrics
  readonly admission: Admission
  /** Where corrected labels go, and the images that they may be about. */
  readonly feedback?: { readonly store: FeedbackStore; readonly recent: RecentImages }
}

/** Aborted when the client goes away before its answer. */
export function departure({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController()
  raw.once('close', () => {
    if (!raw.writableFinished) controller.abort()
  })
  return controller.signal
}

/** A body's length, as its header claims it; unknown ones may become as long as is allowed. */
export function claimedBytes({ headers }: FastifyRequest, most: number): number {
  const claimed = Number(headers['content-length'] ?? Number.NaN)
  return Number.isSafeInteger(claimed) && claimed >= 0 ? Math.min(claimed, most) : most
}
