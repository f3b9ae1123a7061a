import { type ElementType, elementType } from '../file/element-types.ts'
import type { Message } from '../file/messages.ts'

/** An input or output of a network. */
export interface Port {
  readonly name: string
  /** Absent for what is no tensor of numbers. */
  readonly type: ElementType | undefined
  /** Of each dim a number, a name (a size that may differ), or nothing; absent: any shape. */
  readonly sizes: readonly (number | string | undefined)[] | undefined
}

/** An input or output as the file describes it. */
export function portOf({ name = '', type }: Message<'ValueInfoProto'>): Port {
  const tensor = type?.tensorType
  const sizes = tensor?.shape?.dim.map(({ dimValue, dimParam }) =>
    dimValue !== undefined && dimValue > 0
      ? dimValue
      : dimParam || (dimValue === 0 ? 0 : undefined),
  )
  return { name, type: elementType(tensor?.elemType ?? 0), sizes }
}
