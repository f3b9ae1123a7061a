import type { Command } from 'commander'
import type { BackendFlags, PlotFlags, RunsFlags } from '../flags.ts'
import { sortNames } from '../run-list.ts'
import { type Common, type Done, known, outputFor, whole } from './options.ts'

export function addRuns(program: Command, done: Done): void {
  const command = program
    .command('runs')
    .description('list runs, and show how they differ')
    .argument('[folder...]', 'folders of runs, or runs (default: runs)')
    .option('--sort <column>', `by ${sortNames.join(', ')} (default: name)`, known(sortNames))
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (folders: string[], options: RunsFlags & Common) => {
    const { runsCommand } = await import('../command-runs.ts')
    done(await runsCommand(folders, options, outputFor(options)))
  })
}

export function addPlot(program: Command, done: Done): void {
  const command = program
    .command('plot')
    .description('draw the curves of runs, here and as files')
    .argument('<run...>', 'run folders')
    .option('--out <file>', 'an SVG or PNG file (default: both, beside the runs)')
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (runs: string[], options: PlotFlags & Common) => {
    const { plotCommand } = await import('../command-plot.ts')
    done(await plotCommand(runs, options, outputFor(options)))
  })
}

export function addDoctor(program: Command, done: Done): void {
  const command = program
    .command('doctor')
    .description('show which backends work here, and why one does not')
    .option('--threads <n>', 'threads to use', whole(1))
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (options: BackendFlags & Common) => {
    const { doctorCommand } = await import('../command-doctor.ts')
    done(await doctorCommand(options, outputFor(options)))
  })
}

export function addTune(program: Command, done: Done): void {
  const command = program
    .command('tune')
    .description('measure what suits this processor best, once, and keep it')
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (options: Common) => {
    const { tuneCommand } = await import('../command-tune.ts')
    done(await tuneCommand(outputFor(options)))
  })
}
