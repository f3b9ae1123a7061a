import { type Command, Option } from 'commander'
import { modelNames } from '../../models/models.ts'
import type { EvalFlags, FinetuneFlags, PredictFlags, TrainFlags } from '../flags.ts'
import { optimizerNames } from '../optimizers.ts'
import { scheduleNames } from '../schedules.ts'
import {
  type Common,
  checkpointOption,
  common,
  type Done,
  images,
  imagesHelp,
  known,
  modelHelp,
  natural,
  network,
  outputFor,
  png,
  positive,
  share,
  USAGE,
  whole,
} from './options.ts'

export function addTrain(program: Command, done: Done): void {
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
    .option('--skip-corrupt', 'leave images out that can not be decoded')
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
    const { trainCommand } = await import('../command-train.ts')
    done(await trainCommand({ ...options, model }, outputFor(options)))
  })
}

export function addFinetune(program: Command, done: Done): void {
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
    .option('--skip-corrupt', 'leave images out that can not be decoded')
    .option('--workers <n>', 'threads that read and change images (default: 0)', whole(0))
    .option('--seed <n>', 'seed of all random numbers', whole(0))
    .option('--out <folder>', 'the run folder (default: a new one in runs/)')
  common(network(command)).action(async (options: FinetuneFlags & Common) => {
    const { finetuneCommand } = await import('../command-finetune.ts')
    done(await finetuneCommand(options, outputFor(options)))
  })
}

export function addEval(program: Command, done: Done): void {
  const command = program
    .command('eval')
    .description('measure a network on the test set of its run, or on a folder of images')
    .argument('<model>', modelHelp)
    .option(
      '--data <name>',
      'what to measure it on: a folder with a folder of images for each class',
    )
    .option('--batch <n>', 'images at once', whole(1))
    .option('--skip-corrupt', 'leave images out that can not be decoded')
    .option('--gallery <file>', 'a PNG of the worst mistakes (default: in the run folder)', png)
  common(network(command)).action(async (run: string, options: EvalFlags & Common) => {
    const { evalCommand } = await import('../command-eval.ts')
    done(await evalCommand(run, options, outputFor(options)))
  })
}

export function addPredict(program: Command, done: Done): void {
  const command = program
    .command('predict')
    .description('say what is on images')
    .argument('<run>', 'a run folder')
    .argument('<image...>', 'image files: PNG, JPEG, …')
    .addOption(checkpointOption())
  common(command).action(async (run: string, images: string[], options: PredictFlags & Common) => {
    const { predictCommand } = await import('../command-predict.ts')
    done(await predictCommand(run, images, options, outputFor(options)))
  })
}
