import { Tensor } from '../tensor/tensor.ts'

/** Whether a model returned a tensor, or several in a list or by name, as those of `nn.MultiTask`. */
export function areTensors(output: unknown): boolean {
  if (output instanceof Tensor) return true
  if (typeof output !== 'object' || output === null || output instanceof Promise) return false
  const parts = Object.values(output)
  return parts.length > 0 && parts.every((part) => part instanceof Tensor)
}

/** What a model returned, without its history. */
export function detached<Out>(output: Out): Out {
  if (output instanceof Tensor) return output.detach() as Out
  const parts = Object.entries(output as object).map(([name, part]) => [name, part.detach()])
  return (Array.isArray(output) ? parts.map(([, part]) => part) : Object.fromEntries(parts)) as Out
}
