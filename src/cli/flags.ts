/** Flags that choose where to compute. */
export interface BackendFlags {
  readonly backend?: string
  readonly threads?: number
}

/** What `train` was given. */
export interface TrainFlags extends BackendFlags {
  readonly model?: string | undefined
  readonly data?: string
  readonly epochs?: number
  readonly batch?: number
  readonly lr?: number
  readonly optimizer?: string
  readonly seed?: number
  readonly patience?: number
  readonly out?: string
  readonly resume?: string
  readonly debugNan?: boolean
}

/** What `eval` and `predict` were given. */
export interface EvalFlags extends BackendFlags {
  readonly checkpoint?: 'best' | 'last'
}
