import { readFileSync, statSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { nearest } from '../base/nearest.ts'
import { modelNames } from '../models/models.ts'
import { backendNames } from '../tensor/choose.ts'
import { presetNames } from '../vision/preprocessing.ts'
import { pretrainedNames } from '../vision/pretrained.ts'
import { datasetNames } from './datasets.ts'
import type {
  BackendFlags,
  ClassifyFlags,
  EvalFlags,
  ExportFlags,
  FinetuneFlags,
  PlotFlags,
  PredictFlags,
  RunsFlags,
  ServeFlags,
  SimilarFlags,
  TrainFlags,
} from './flags.ts'
import { optimizerNames } from './optimizers.ts'
import { type Output, processOutput, reportError } from './output.ts'
import { sortNames } from './run-list.ts'
import { scheduleNames } from './schedules.ts'

/** Exit codes: done, failed, wrong usage, interrupted. */
const DONE = 0
const FAILED = 1
const USAGE = 2

interface Common {
  readonly json?: boolean
  readonly verbose?: boolean
}

/**
 * Runs one command of the command line.
 *
 * @param argv What stands after `brickwork`.
 * @returns The exit code: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.
 * @example
 * ```ts
 * process.exitCode = await runCommand(['doctor'])
 * ```
 */
export async function runCommand(argv: readonly string[]): Promise<number> {
  let code = DONE
  const program = commandLine((result) => {
    code = result
  })
  // Whoever reads the output may have had enough (`| head`).
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? DONE : FAILED)
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : USAGE
    const options = { json: argv.includes('--json'), verbose: argv.includes('--verbose') }
    reportError(processOutput(options), error, options.verbose)
    return FAILED
  }
}

const imagesHelp = `what to learn: ${datasetNames.join(', ')}, or a folder of images`

/** What a network to be used can be. */
const modelHelp = `a run folder, an ONNX file, a repository of the hub (owner/name), a network with published weights (${pretrainedNames.join(', ')}, resnet18, …), or any of the zoo with --weights`

/** Options of commands that use a network: what its name does not say. */
function network(command: Command): Command {
  return command
    .addOption(checkpointOption())
    .option('--weights <file>', 'weights for a network of the zoo: safetensors, .pth, …')
    .option('--size <pixels>', "sides of the images (default: the network's)", whole(1))
    .option(
      '--preprocessing <name>',
      `of weights that do not say it: ${presetNames.join(', ')}, or a JSON file`,
    )
    .option('--classes <file>', "the classes' names, one in each line")
    .option('--revision <name>', "a repository's branch, tag or commit")
}

/** Options that all commands have. */
function common(command: Command): Command {
  return command
    .option('--backend <name>', `where to compute: ${backendNames.join(', ')}`, known(backendNames))
    .option('--threads <n>', 'threads to use', whole(1))
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
}

function commandLine(done: (code: number) => void): Command {
  const program = new Command('brickwork')
    .description('Deep learning in TypeScript: train, evaluate and use neural networks.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      outputError: (text, write) => write(inOurWords(text)),
    })
  addTrain(program, done)
  addEval(program, done)
  addPredict(program, done)
  addClassify(program, done)
  addFinetune(program, done)
  addSimilar(program, done)
  addExport(program, done)
  addServe(program, done)
  addRuns(program, done)
  addPlot(program, done)
  addDoctor(program, done)
  addTune(program, done)
  return program
}

function addTrain(program: Command, done: (code: number) => void): void {
  const command = program
    .command('train')
    .description('train a network and keep what it learnt in a run folder')
    .argument('[model]', `the network: ${modelNames.join(', ')}`, known(modelNames))
    .option('--data <name>', imagesHelp, images)
    .option(
      '--size <pixels>',
      'sides of the images (default: their own; 224 for a folder)',
      whole(1),
    )
    .option('--epochs <n>', 'passes over the data, those before --resume included', whole(1))
    .option('--batch <n>', 'examples in a step', whole(1))
    .option('--lr <rate>', 'learning rate', positive)
    .option(
      '--optimizer <name>',
      `how to learn: ${optimizerNames.join(', ')}`,
      known(optimizerNames),
    )
    .option(
      '--schedule <name>',
      `how the rate changes: ${scheduleNames.join(', ')}`,
      known(scheduleNames),
    )
    .option('--warmup <epochs>', 'epochs in which the rate rises', whole(0))
    .option('--weight-decay <share>', 'decay of weights (not of biases and norms)', natural)
    .option('--clip-norm <length>', 'longest gradient', positive)
    .option('--augment', 'change training images at random, as suits the data')
    .option('--label-smoothing <share>', 'share of the target spread over all classes', share)
    .option('--mixup <alpha>', 'blend examples by Beta(alpha, alpha)', positive)
    .option('--ema <decay>', 'use averaged weights, of which this share stays at each step', share)
    .option('--accumulate <n>', 'batches in an update', whole(1))
    .option(
      '--hold-out <n>',
      'choose by n of the training examples, and test once at the end',
      whole(1),
    )
    .option('--workers <n>', 'threads that read and change images (default: 0)', whole(0))
    .option('--seed <n>', 'seed of all random numbers', whole(0))
    .option('--patience <n>', 'stop after n epochs without improvement', whole(1))
    .option('--out <folder>', 'the run folder (default: a new one in runs/)')
    .option('--resume <run>', 'go on with the run in this folder, exactly where it stopped')
    .option('--debug-nan', 'on NaN, name the operation that made it first (slow)')
  common(command).action(async (model: string | undefined, options: TrainFlags & Common) => {
    if (model === undefined && options.resume === undefined) {
      command.error("error: name a network to train, such as 'lenet'", { exitCode: USAGE })
    }
    if (options.out !== undefined && options.resume !== undefined) {
      const text = `error: --resume ${options.resume} goes on in that folder: leave out --out`
      command.error(text, { exitCode: USAGE })
    }
    const { trainCommand } = await import('./command-train.ts')
    done(await trainCommand({ ...options, model }, outputFor(options)))
  })
}

function addEval(program: Command, done: (code: number) => void): void {
  const command = program
    .command('eval')
    .description('measure a network on the test set of its run, or on a folder of images')
    .argument('<model>', modelHelp)
    .option(
      '--data <name>',
      'what to measure it on: a folder with a folder of images for each class',
    )
    .option('--batch <n>', 'images at once', whole(1))
    .option('--gallery <file>', 'draw the worst mistakes (default: in the run folder)')
  common(network(command)).action(async (run: string, options: EvalFlags & Common) => {
    const { evalCommand } = await import('./command-eval.ts')
    done(await evalCommand(run, options, outputFor(options)))
  })
}

function checkpointOption(): Option {
  return new Option('--checkpoint <name>', 'which weights').choices(['best', 'last'])
}

function addPredict(program: Command, done: (code: number) => void): void {
  const command = program
    .command('predict')
    .description('say what is on images')
    .argument('<run>', 'a run folder')
    .argument('<image...>', 'image files: PNG, JPEG, …')
    .addOption(checkpointOption())
  common(command).action(async (run: string, images: string[], options: PredictFlags & Common) => {
    const { predictCommand } = await import('./command-predict.ts')
    done(await predictCommand(run, images, options, outputFor(options)))
  })
}

function addClassify(program: Command, done: (code: number) => void): void {
  const command = program
    .command('classify')
    .description('say what photos show, by a network that knows their classes')
    .argument('<image...>', 'image files: JPEG, PNG, …')
    .requiredOption('--model <name>', modelHelp)
    .option('--top <n>', 'classes to show of each image', whole(1))
    .option('--out <file>', 'a PNG of the images with their classes')
  common(network(command)).action(async (images: string[], options: ClassifyFlags & Common) => {
    const { classifyCommand } = await import('./command-classify.ts')
    done(await classifyCommand(images, options, outputFor(options)))
  })
}

function addFinetune(program: Command, done: (code: number) => void): void {
  const command = program
    .command('finetune')
    .description('teach a pretrained network other classes')
    .requiredOption('--model <name>', modelHelp)
    .requiredOption('--data <name>', imagesHelp, images)
    .addOption(
      new Option('--freeze <part>', 'leave the features as they are').choices(['features']),
    )
    .option('--head-epochs <n>', 'passes in which the new layer alone is trained', whole(1))
    .option('--epochs <n>', 'passes in which all layers are trained', whole(1))
    .option('--batch <n>', 'examples in a step', whole(1))
    .option('--lr-head <rate>', 'learning rate of the new layer (later a tenth of it)', positive)
    .option('--lr-features <rate>', 'learning rate of the other layers', positive)
    .option('--augment', 'change training images at random while all layers are trained')
    .option('--hold-out <n>', 'training examples to choose by (default: a tenth)', whole(1))
    .option('--workers <n>', 'threads that read and change images (default: 0)', whole(0))
    .option('--seed <n>', 'seed of all random numbers', whole(0))
    .option('--out <folder>', 'the run folder (default: a new one in runs/)')
  common(network(command)).action(async (options: FinetuneFlags & Common) => {
    const { finetuneCommand } = await import('./command-finetune.ts')
    done(await finetuneCommand(options, outputFor(options)))
  })
}

function addSimilar(program: Command, done: (code: number) => void): void {
  const command = program
    .command('similar')
    .description('find the images of a folder that are most similar to one')
    .argument('<query>', 'an image file')
    .requiredOption('--in <folder>', 'where to look: images in it and in the folders in it')
    .requiredOption('--model <name>', modelHelp)
    .option('--layer <name>', 'whose output is compared (default: what the last layer gets)')
    .addOption(new Option('--metric <name>', 'distance').choices(['cosine', 'euclidean']))
    .option('--top <n>', 'images to find (default: 12)', whole(1))
    .option('--out <folder>', 'where similar.html and similar.png go (default: here)')
  common(network(command)).action(async (query: string, options: SimilarFlags & Common) => {
    const { similarCommand } = await import('./command-similar.ts')
    done(await similarCommand(query, options, outputFor(options)))
  })
}

function addExport(program: Command, done: (code: number) => void): void {
  const command = program
    .command('export')
    .description('write a network for use elsewhere')
    .argument('<model>', modelHelp)
    .addOption(
      new Option('--format <name>', 'standalone: a folder that runs without this library')
        .choices(['onnx', 'safetensors', 'standalone'])
        .makeOptionMandatory(),
    )
    .option('--out <path>', 'where to (default: in exports/)')
    .option('--batch <n>', 'images at once, of standalone (default: 1)', whole(1))
  common(network(command)).action(async (model: string, options: ExportFlags & Common) => {
    const { exportCommand } = await import('./command-export.ts')
    done(await exportCommand(model, options, outputFor(options)))
  })
}

function addServe(program: Command, done: (code: number) => void): void {
  const command = program
    .command('serve')
    .description('answer over HTTP: tensors (Open Inference Protocol v2) and images')
    .argument('<model>', modelHelp)
    .option('--port <n>', 'where to listen (default: 8080; 0: a free one)', whole(0))
    .option('--host <address>', 'at which address (default: 127.0.0.1, this machine alone)')
    .option('--max-batch <n>', 'examples computed together, at most (default: 32)', whole(1))
    .option('--max-delay-ms <n>', 'how long one waits for others (default: 5)', whole(0))
    .option('--max-body-mb <size>', 'largest request, MiB (default: 16)', positive)
    .option('--max-megapixels <n>', 'largest image, unpacked (default: 64)', positive)
    .option('--timeout-ms <n>', 'to send a request, and to wait (default: 30000)', whole(1))
    .option('--queue <n>', 'requests at once; others get 429 (default: 256)', whole(1))
    .option('--grace-ms <n>', 'to answer what is under way at the end (default: 10000)', whole(0))
    .option('--watch', 'load the checkpoint or file anew when another comes in its place')
    .option('--allow-reload', 'load the checkpoint anew on POST /v2/repository/models/…/load')
    .option('--feedback <folder>', 'keep images with corrected labels there: POST /feedback')
    .option('--feedback-mb <size>', 'what that folder may hold, MiB (default: 1024)', whole(1))
    .addOption(
      new Option('--log-level <name>', 'from which on to log (default: info)').choices([
        'debug',
        'info',
        'warn',
        'error',
      ]),
    )
  common(network(command)).action(async (model: string, options: ServeFlags & Common) => {
    const { serveCommand } = await import('./command-serve.ts')
    done(await serveCommand(model, options, outputFor(options)))
  })
}

function addRuns(program: Command, done: (code: number) => void): void {
  const command = program
    .command('runs')
    .description('list runs, and show how they differ')
    .argument('[folder...]', 'folders of runs, or runs (default: runs)')
    .option('--sort <column>', `by ${sortNames.join(', ')} (default: name)`, known(sortNames))
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (folders: string[], options: RunsFlags & Common) => {
    const { runsCommand } = await import('./command-runs.ts')
    done(await runsCommand(folders, options, outputFor(options)))
  })
}

function addPlot(program: Command, done: (code: number) => void): void {
  const command = program
    .command('plot')
    .description('draw the curves of runs, here and as files')
    .argument('<run...>', 'run folders')
    .option('--out <file>', 'an SVG or PNG file (default: both, beside the runs)')
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (runs: string[], options: PlotFlags & Common) => {
    const { plotCommand } = await import('./command-plot.ts')
    done(await plotCommand(runs, options, outputFor(options)))
  })
}

function addDoctor(program: Command, done: (code: number) => void): void {
  const command = program
    .command('doctor')
    .description('show which backends work here, and why one does not')
    .option('--threads <n>', 'threads to use', whole(1))
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (options: BackendFlags & Common) => {
    const { doctorCommand } = await import('./command-doctor.ts')
    done(await doctorCommand(options, outputFor(options)))
  })
}

function addTune(program: Command, done: (code: number) => void): void {
  const command = program
    .command('tune')
    .description('measure what suits this processor best, once, and keep it')
    .option('--json', 'print lines of JSON only')
    .option('--verbose', 'show the stack of an error')
  command.action(async (options: Common) => {
    const { tuneCommand } = await import('./command-tune.ts')
    done(await tuneCommand(outputFor(options)))
  })
}

/** What commander says of a wrong call, as we say it. */
const inOurWords = (text: string): string =>
  text
    .replace(/^error: /, 'brickwork: ')
    .replace(/command-argument value ('.*') is invalid for argument '(.*)'\./, '$2: $1 is unknown.')

const outputFor = ({ json = false }: Common): Output => processOutput({ json })

/** A whole number from `least`. */
const whole = (least: number) => (text: string) => {
  const value = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= least) return value
  throw new InvalidArgumentError(`Expected a whole number from ${least}.`)
}

function positive(text: string): number {
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Expected a number above 0.')
}

function natural(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('Expected a number from 0.')
}

function share(text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && value < 1) return value
  throw new InvalidArgumentError('Expected a number from 0, below 1.')
}

/** One of these names. */
const known = (names: readonly string[]) => (text: string) => {
  if (names.includes(text)) return text
  const near = nearest(text, names)
  const hint = near === undefined ? '' : ` Did you mean '${near}'?`
  throw new InvalidArgumentError(`Expected ${names.join(', ')}.${hint}`)
}

/** A dataset's name, or a folder. */
function images(text: string): string {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory()) return text
  return known(datasetNames)(text)
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
