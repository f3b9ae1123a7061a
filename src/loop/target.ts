/** What a register tile of rows × vectors accumulators takes for a multiply-add, relative to the best tile. */
export interface TileCost {
  readonly rows: number
  readonly vectors: number
  readonly cost: number
}

/** What the compiler must know of a machine to write good loops for it. */
export interface Target {
  /** f32 lanes of one vector register: 16 (AVX-512), 8 (AVX2), 4 (128-bit). */
  readonly lanes: number
  /** Vector registers. */
  readonly registers: number
  /** Whether a · b + c is one instruction. */
  readonly fma: boolean
  /** Bytes of level-1 data cache and of level-2 cache, of one core. */
  readonly l1: number
  readonly l2: number
  /** Measured on this machine; tiles that are not among them cost what the compiler's table says. */
  readonly tiles?: readonly TileCost[]
}
