import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BrickError } from '../../base/errors.ts'
import { fileError } from '../../files/errors.ts'
import type { TrainAndTest } from '../digits.ts'
import { readCifar } from './cifar.ts'

const FOLDER = 'traffic-signs'
const CLASSES = 43

/**
 * German traffic signs, 43 classes: 2,150 colour images to train and 860 to test, a part of GTSRB
 * brought to 32 × 32. Inputs u8 `[n, 3, 32, 32]`, targets i32 `[n]`. The files
 * `gtsrb32-train.bin.gz`, `gtsrb32-test.bin.gz` (CIFAR's binary form) and `class-names.txt` are
 * taken from `BRICKWORK_DATA/traffic-signs`.
 *
 * Source: Stallkamp, Schlipsing, Salmen, Igel, “The German traffic sign recognition benchmark: a
 * multi-class classification competition”, 2011.
 *
 * @throws BrickError `file` if they are not there or damaged.
 */
export async function trafficSigns(): Promise<TrainAndTest> {
  const folder = join(process.env['BRICKWORK_DATA'] ?? '', FOLDER)
  const [train, test, names] = [
    'gtsrb32-train.bin.gz',
    'gtsrb32-test.bin.gz',
    'class-names.txt',
  ].map((name) => join(folder, name)) as [string, string, string]
  if (!process.env['BRICKWORK_DATA'] || !existsSync(train)) throw notThere(folder)
  const classNames = await readNames(names)
  return {
    train: await readCifar([train], { name: `${FOLDER}/train`, classNames }),
    test: await readCifar([test], { name: `${FOLDER}/test`, classNames }),
  }
}

function notThere(folder: string): BrickError {
  return new BrickError({
    kind: 'file',
    where: process.env['BRICKWORK_DATA'] ? folder : 'traffic signs',
    wanted: 'gtsrb32-train.bin.gz, gtsrb32-test.bin.gz and class-names.txt',
    got: process.env['BRICKWORK_DATA'] ? 'no such files' : 'no BRICKWORK_DATA that says where',
    remedy:
      'Set BRICKWORK_DATA to the folder of data, or put the signs into a folder for each class and name that folder.',
  })
}

/** Lines of a class's number, a tab and its name. */
async function readNames(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileError('read', path, error)
  })
  const names: string[] = []
  for (const line of text.trim().split(/\r?\n/)) {
    const [label = '', name = ''] = line.split('\t')
    names[Number(label)] = name
  }
  if (names.length === CLASSES && Object.keys(names).length === CLASSES) return names
  throw new BrickError({
    kind: 'file',
    where: path,
    wanted: `the names of ${CLASSES} classes, a number, a tab and a name in each line`,
    got: `${Object.keys(names).length}`,
    remedy: 'Replace the file with the original.',
  })
}
