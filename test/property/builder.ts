import type { OpName } from '../../src/graph/attributes.ts'
import type { Node } from '../../src/graph/node.ts'
import type { Dice } from './dice.ts'
import type { Garden } from './garden.ts'

/** Adds a random node of an op to a garden, on operands that suit it. */
export type Builder = (garden: Garden, dice: Dice) => Node
export type Builders<O extends OpName> = { readonly [P in O]: Builder }
