/** What the runs of a program took, if that is recorded. */
export class Times {
  runs = 0
  /** Of all runs, from the call to the result. */
  milliseconds = 0
  /** Threads that the last run could use. */
  threads = 1
  /** Of each kernel, in all runs: from when all threads have done the one before it, to when all have done it. */
  readonly nanoseconds: Float64Array

  constructor(kernels: number) {
    // Memory of its own, which never moves: C may add to it.
    this.nanoseconds = new Float64Array(new ArrayBuffer(8 * Math.max(1, kernels)))
  }

  /** Counts a run of this many milliseconds. */
  count(milliseconds: number, threads: number): void {
    this.runs++
    this.milliseconds += milliseconds
    this.threads = threads
  }

  /** Adds the nanoseconds of one run. */
  add(kernels: Float64Array): void {
    for (const [k, time] of kernels.entries()) this.nanoseconds[k]! += time
  }

  /** Adds the milliseconds since `start` to a kernel, and returns the time now. */
  lap(kernel: number, start: number): number {
    const now = performance.now()
    this.nanoseconds[kernel]! += (now - start) * 1e6
    return now
  }
}
