import { showSeconds } from '../train/progress.ts'
import type { RunsFlags } from './flags.ts'
import type { Output } from './output.ts'
import { type DamagedRun, type ListedRun, runsIn, sorted } from './run-list.ts'
import { setupOf } from './saved-run.ts'
import { type Column, drawTable } from './terminal/table.ts'

/** Lists runs and shows in which options they differ. */
export async function runsCommand(
  folders: readonly string[],
  { sort }: RunsFlags,
  output: Output,
): Promise<number> {
  const found = (await Promise.all((folders.length ? folders : ['runs']).map(runsIn))).flat()
  const whole = sorted(
    found.filter((run): run is ListedRun => 'state' in run),
    sort,
  )
  const damaged = found.filter((run): run is DamagedRun => 'error' in run)
  for (const run of whole) output.event(eventOf(run))
  for (const { folder, error } of damaged) {
    output.event({ event: 'damaged', folder, message: error.message })
  }
  if (whole.length > 0) output.print(`\n${table(whole, output)}\n`)
  const differences = differencesOf(whole)
  if (differences.length > 0) output.print(`${differenceText(differences, output)}\n`)
  for (const { error } of damaged) output.error(`brickwork: ${error.message}`)
  return whole.length > 0 ? 0 : 1
}

function eventOf({ folder, state, best, loss, accuracy, seconds, written }: ListedRun) {
  return {
    event: 'run',
    folder,
    epochs: state.history.length,
    best: best?.epoch ?? null,
    loss,
    accuracy: Number.isNaN(accuracy) ? null : accuracy,
    seconds,
    written: written.toISOString(),
    config: setupOf(state),
  }
}

function text(value: unknown): string {
  if (value === undefined || value === null) return '–'
  return typeof value === 'object' ? JSON.stringify(value) : `${value}`
}

/** `12/20`: epochs that are done, of those that were asked for. */
function epochsOf({ state }: ListedRun): string {
  const wanted = setupOf(state)['epochs']
  return typeof wanted === 'number'
    ? `${state.history.length}/${wanted}`
    : `${state.history.length}`
}

const columns: readonly Column<ListedRun>[] = [
  { title: 'run', cell: ({ name }) => name },
  { title: 'model', cell: ({ state }) => text(setupOf(state)['model']) },
  { title: 'data', cell: ({ state }) => text(setupOf(state)['data'] ?? state.data.name) },
  { title: 'epochs', align: 'right', cell: epochsOf },
  {
    title: 'accuracy',
    align: 'right',
    cell: ({ accuracy }) => (Number.isNaN(accuracy) ? '–' : `${(100 * accuracy).toFixed(2)} %`),
  },
  {
    title: 'loss',
    align: 'right',
    cell: ({ loss }) => (Number.isNaN(loss) ? '–' : loss.toPrecision(4)),
  },
  { title: 'optimizer', cell: ({ state }) => state.optimizer.name },
  { title: 'lr', align: 'right', cell: ({ state }) => `${state.optimizer.initialLr}` },
  { title: 'time', align: 'right', cell: ({ seconds }) => showSeconds(seconds) },
  { title: 'written', cell: ({ written }) => written.toISOString().slice(0, 16).replace('T', ' ') },
]

function table(runs: readonly ListedRun[], { columns: width, colors }: Output): string {
  const best = bestOf(runs)
  const paint = (line: string, row: number) =>
    row < 0 ? colors.dim(line) : row === best ? colors.bold(colors.green(line)) : line
  return drawTable(runs, columns, width, paint).join('\n')
}

/** The run with the highest accuracy; with the lowest loss, where none measures it. */
function bestOf(runs: readonly ListedRun[]): number {
  if (runs.length < 2) return -1
  const isMeasured = runs.some(({ accuracy }) => !Number.isNaN(accuracy))
  const [best] = sorted(runs, isMeasured ? 'accuracy' : 'loss')
  return runs.indexOf(best!)
}

/** An option that differs, and the runs with each of its values. */
interface Difference {
  readonly option: string
  readonly values: ReadonlyMap<string, readonly string[]>
}

/** Follows from the data, and says nothing of how the run was made. */
const dull = new Set(['classNames', 'preprocessing'])

function differencesOf(runs: readonly ListedRun[]): Difference[] {
  const setups = runs.map(({ state }) => setupOf(state))
  const options = new Set(setups.flatMap((setup) => Object.keys(setup)))
  // Runs of the command line and of programs have few options in common, under these names.
  const kinds = new Set(setups.map((setup) => 'preprocessing' in setup))
  const isShared = (option: string) => setups.every((setup) => option in setup)
  return [...options]
    .filter((option) => !dull.has(option) && (kinds.size === 1 || isShared(option)))
    .map((option) => {
      const values = new Map<string, string[]>()
      for (const { name, state } of runs) {
        const value = text(setupOf(state)[option])
        values.set(value, [...(values.get(value) ?? []), name])
      }
      return { option, values }
    })
    .filter(({ values }) => values.size > 1)
}

/** Runs that are named for a value, at most. */
const NAMED = 3

function differenceText(differences: readonly Difference[], { colors }: Output): string {
  const wide = Math.max(...differences.map(({ option }) => option.length))
  const values = differences.flatMap((one) => [...one.values.keys()])
  const deep = Math.max(...values.map((value) => value.length))
  const lines = differences.flatMap(({ option, values }) =>
    [...values].map(([value, names], i) => {
      const who = names.length > NAMED ? `${names.length} runs` : names.join(', ')
      const head = (i === 0 ? option : '').padEnd(wide)
      return `  ${head}  ${value.padEnd(deep)}  ${colors.dim(who)}`
    }),
  )
  return [colors.dim('They differ in:'), ...lines].join('\n')
}
