import { type Command, Option } from 'commander'
import type { ClassifyFlags, ExportFlags, ServeFlags, SimilarFlags } from '../flags.ts'
import {
  type Common,
  common,
  type Done,
  modelHelp,
  network,
  outputFor,
  png,
  positive,
  whole,
} from './options.ts'

export function addClassify(program: Command, done: Done): void {
  const command = program
    .command('classify')
    .description('say what photos show, by a network that knows their classes')
    .argument('<image...>', 'image files: JPEG, PNG, …')
    .requiredOption('--model <name>', modelHelp)
    .option('--top <n>', 'classes to show of each image', whole(1))
    .option('--out <file>', 'a PNG of the images with their classes', png)
  common(network(command)).action(async (images: string[], options: ClassifyFlags & Common) => {
    const { classifyCommand } = await import('../command-classify.ts')
    done(await classifyCommand(images, options, outputFor(options)))
  })
}

export function addSimilar(program: Command, done: Done): void {
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
    const { similarCommand } = await import('../command-similar.ts')
    done(await similarCommand(query, options, outputFor(options)))
  })
}

export function addExport(program: Command, done: Done): void {
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
    const { exportCommand } = await import('../command-export.ts')
    done(await exportCommand(model, options, outputFor(options)))
  })
}

export function addServe(program: Command, done: Done): void {
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
    const { serveCommand } = await import('../command-serve.ts')
    done(await serveCommand(model, options, outputFor(options)))
  })
}
