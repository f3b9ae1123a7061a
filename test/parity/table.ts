import { activations } from './ops/activations.ts'
import { attention } from './ops/attention.ts'
import { conv } from './ops/conv.ts'
import { elementwise } from './ops/elementwise.ts'
import { loss } from './ops/loss.ts'
import { matmul } from './ops/matmul.ts'
import { movement } from './ops/movement.ts'
import { norm, normProcedures } from './ops/norm.ts'
import { optimProcedures } from './ops/optim.ts'
import { pool } from './ops/pool.ts'
import { recurrent } from './ops/recurrent.ts'
import { reduce } from './ops/reduce.ts'
import { scheduleProcedures } from './ops/schedule.ts'
import { trainingProcedures } from './ops/training.ts'
import type { Procedures, Rows } from './rows.ts'

/** Every op of the reference cases that Brickwork has, by its name there. */
export const rows: Rows = {
  ...elementwise,
  ...matmul,
  ...conv,
  ...pool,
  ...reduce,
  ...movement,
  ...activations,
  ...norm,
  ...loss,
  ...recurrent,
  ...attention,
}

/** Those that run many steps. */
export const procedures: Procedures = {
  ...normProcedures,
  ...optimProcedures,
  ...scheduleProcedures,
  ...trainingProcedures,
}
