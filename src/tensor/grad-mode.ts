let recording = true

/** Whether operations keep the history that gradients need. */
export function isRecording(): boolean {
  return recording
}

/**
 * Runs `body` without recording history: results do not require gradients.
 *
 * @example
 * ```ts
 * const y = noGrad(() => model.forward(x))
 * ```
 */
export function noGrad<T>(body: () => T): T {
  const before = recording
  recording = false
  try {
    return body()
  } finally {
    recording = before
  }
}
