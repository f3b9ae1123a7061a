import { readFile } from 'node:fs/promises'
import type { ArrayView } from '../../base/array.ts'
import { BrickError } from '../../base/errors.ts'
import { fileError } from '../../files/errors.ts'

/** Sound: samples [channels, length] from −1 to 1. */
export interface Sound {
  /** Samples a second of each channel. */
  readonly sampleRate: number
  readonly samples: ArrayView<'f32'>
}

/** How samples are stored: format 1 is PCM, 3 floats. */
interface Format {
  readonly tag: number
  readonly channels: number
  readonly sampleRate: number
  readonly bits: number
}

/** One sample from −1 to 1. PCM of n bits is divided by 2ⁿ⁻¹, as libsndfile does. */
type Read = (view: DataView, at: number) => number

const reads: Readonly<Record<string, Read>> = {
  '1/8': (view, at) => (view.getUint8(at) - 128) / 2 ** 7,
  '1/16': (view, at) => view.getInt16(at, true) / 2 ** 15,
  '1/24': (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23,
  '1/32': (view, at) => view.getInt32(at, true) / 2 ** 31,
  '3/32': (view, at) => view.getFloat32(at, true),
  '3/64': (view, at) => view.getFloat64(at, true),
}

/** PCM or floats behind a longer header. */
const EXTENSIBLE = 0xfffe

/**
 * Decodes WAV: PCM of 8, 16, 24 or 32 bits, and floats of 32 or 64.
 *
 * Source: IBM and Microsoft, “Multimedia programming interface and data specifications 1.0”, 1991.
 *
 * @param where The file's name, for errors.
 * @throws BrickError `file` for what is no WAV, is cut, holds no samples or is coded otherwise.
 * @example
 * ```ts
 * const { sampleRate, samples } = parseWav(wave, 'beep.wav')
 * samples.data // Float32Array [0, 0.5]
 * ```
 */
export function parseWav(bytes: Uint8Array, where: string): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const parts = partsOf(view, where)
  const format = formatOf(view, parts.get('fmt '), where)
  const { channels, bits, tag, sampleRate } = format
  const read = reads[`${tag}/${bits}`]
  if (!read) {
    throw noWav(where, 'PCM of 8, 16, 24 or 32 bits or floats', `format ${tag} of ${bits} bits`)
  }
  const samples = parts.get('data')
  const block = (channels * bits) / 8
  const length = Math.floor((samples?.length ?? 0) / block)
  if (!samples || length === 0 || channels === 0) throw noWav(where, 'samples', 'none')
  const data = new Float32Array(channels * length)
  for (let c = 0; c < channels; c++) {
    let at = samples.start + (c * bits) / 8
    for (let i = 0; i < length; i++, at += block) data[c * length + i] = read(view, at)
  }
  return { sampleRate, samples: { dtype: 'f32', shape: [channels, length], data } }
}

interface Part {
  readonly start: number
  readonly length: number
}

const nameAt = (view: DataView, at: number) =>
  String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)))

/** The parts of the file up to the samples, by name. */
function partsOf(view: DataView, where: string): Map<string, Part> {
  if (view.byteLength < 12 || nameAt(view, 0) !== 'RIFF' || nameAt(view, 8) !== 'WAVE') {
    throw noWav(where, 'a file that begins with RIFF … WAVE', 'other bytes')
  }
  const parts = new Map<string, Part>()
  for (let at = 12; at + 8 <= view.byteLength && !parts.has('data'); ) {
    const name = nameAt(view, at)
    const said = view.getUint32(at + 4, true)
    const rest = view.byteLength - at - 8
    // 0 and 2³² − 1 are what streams write, which don't know their length.
    const isOpen = name === 'data' && (said === 0 || said === 2 ** 32 - 1)
    if (said > rest && !isOpen) {
      throw noWav(
        where,
        `${said} bytes of '${name}', as the header says`,
        `${rest} (the file is cut)`,
      )
    }
    const length = isOpen ? rest : said
    parts.set(name, { start: at + 8, length })
    at += 8 + length + (length % 2)
  }
  return parts
}

function formatOf(view: DataView, part: Part | undefined, where: string): Format {
  if (!part || part.length < 16) throw noWav(where, "a part 'fmt ' of 16 bytes", 'none')
  const { start, length } = part
  const tag = view.getUint16(start, true)
  const isExtended = tag === EXTENSIBLE && length >= 26
  return {
    tag: isExtended ? view.getUint16(start + 24, true) : tag,
    channels: view.getUint16(start + 2, true),
    sampleRate: view.getUint32(start + 4, true),
    bits: view.getUint16(start + 14, true),
  }
}

function noWav(where: string, wanted: string, got: string): BrickError {
  const remedy = 'Play it to see whether it is whole, or save it again as WAV.'
  return new BrickError({ kind: 'file', where, wanted, got, remedy })
}

/**
 * Reads a WAV file.
 *
 * @throws BrickError `file` for one that is missing, no WAV, cut or empty.
 * @example
 * ```ts
 * const { sampleRate, samples } = await readWav('seven_theo_3.wav')
 * ```
 */
export async function readWav(path: string): Promise<Sound> {
  const bytes = await readFile(path).catch((error) => {
    throw fileError('read', path, error)
  })
  return parseWav(bytes, path)
}
