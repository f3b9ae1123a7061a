/** Flags that choose where to compute. */
export interface BackendFlags {
  readonly backend?: string
  readonly threads?: number
}

/** How `train` learns, besides the optimiser: also kept in the run's config, null where left out. */
export interface MethodFlags {
  readonly augment?: boolean
  readonly schedule?: string
  /** Epochs. */
  readonly warmup?: number
  readonly weightDecay?: number
  readonly clipNorm?: number
  readonly labelSmoothing?: number
  readonly mixup?: number
  readonly ema?: number
  /** Batches in an update. */
  readonly accumulate?: number
  /** Training examples that are kept back to choose by. */
  readonly holdOut?: number
  /** Leaves images out that can't be decoded. */
  readonly skipCorrupt?: boolean
}

/** What `train` was given. */
export interface TrainFlags extends BackendFlags, MethodFlags {
  readonly model?: string | undefined
  readonly data?: string
  /** Pixels of an image's sides. */
  readonly size?: number
  /** Threads that make batches. */
  readonly workers?: number
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

/** What `predict` was given. */
export interface PredictFlags extends BackendFlags {
  readonly checkpoint?: 'best' | 'last'
}

/** What a network's name does not say of it. */
export interface NetworkFlags {
  readonly checkpoint?: 'best' | 'last'
  /** A file of weights for a network of the zoo. */
  readonly weights?: string
  /** A preset or a JSON file. */
  readonly preprocessing?: string
  /** A file with a class's name in each line. */
  readonly classes?: string
  readonly size?: number
  readonly revision?: string
}

/** What `eval` was given. */
export interface EvalFlags extends BackendFlags, NetworkFlags {
  readonly data?: string
  readonly batch?: number
  readonly skipCorrupt?: boolean
  /** Where the worst mistakes are drawn. */
  readonly gallery?: string
}

/** What `classify` was given. */
export interface ClassifyFlags extends BackendFlags, NetworkFlags {
  readonly model: string
  readonly top?: number
  /** A labelled picture. */
  readonly out?: string
}

/** What `finetune` was given. */
export interface FinetuneFlags extends BackendFlags, NetworkFlags {
  readonly model: string
  readonly data: string
  /** `features`: only the new layer is trained. */
  readonly freeze?: 'features'
  readonly workers?: number
  readonly headEpochs?: number
  readonly epochs?: number
  readonly batch?: number
  readonly lrHead?: number
  readonly lrFeatures?: number
  readonly augment?: boolean
  readonly holdOut?: number
  readonly skipCorrupt?: boolean
  readonly seed?: number
  readonly out?: string
}

/** What `export` was given. */
export interface ExportFlags extends BackendFlags, NetworkFlags {
  readonly format: 'onnx' | 'safetensors' | 'standalone'
  readonly out?: string
  /** Examples at once, of formats that fix it. */
  readonly batch?: number
}

/** What `similar` was given. */
export interface SimilarFlags extends BackendFlags, NetworkFlags {
  readonly model: string
  readonly in: string
  readonly layer?: string
  readonly metric?: 'cosine' | 'euclidean'
  readonly top?: number
  /** The folder of page and contact sheet. */
  readonly out?: string
}

/** What `serve` was given. */
export interface ServeFlags extends BackendFlags, NetworkFlags {
  readonly port?: number
  readonly host?: string
  readonly maxBatch?: number
  readonly maxDelayMs?: number
  readonly maxBodyMb?: number
  /** Of 2²⁰ pixels. */
  readonly maxMegapixels?: number
  readonly timeoutMs?: number
  readonly queue?: number
  readonly graceMs?: number
  readonly feedback?: string
  readonly feedbackMb?: number
  readonly watch?: boolean
  readonly allowReload?: boolean
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
}

/** What `runs` was given. */
export interface RunsFlags {
  readonly sort?: string
}

/** What `plot` was given. */
export interface PlotFlags {
  readonly out?: string
}
