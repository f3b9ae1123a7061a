import type { EventListener, MetricInfo, TrainEvent } from './events.ts'
import type { EpochRecord, Scores } from './history.ts'

/** Where progress is shown. */
export interface Terminal {
  readonly isTerminal: boolean
  /** Characters in a line. */
  readonly columns: number
  write(text: string): void
}

type Start = Extract<TrainEvent, { type: 'start' }>

const EPOCH_WIDTH = 9
const LOSS_WIDTH = 12
const LOADING_WIDTH = 9
const GAP = '  '
const BEST = '  best'

/** A metric's value as people read it: `98.1 %`, `0.1234`. */
export function showMetric(value: number, { unit }: Pick<MetricInfo, 'unit'>): string {
  return unit === 'percent' ? `${(100 * value).toFixed(1)} %` : showNumber(value)
}

function showNumber(value: number): string {
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : value.toFixed(4)
}

/** A learning rate in three digits: `0.002`, `3.1e-6`. */
const showRate = (lr: number): string =>
  lr !== 0 && lr < 1e-4 ? lr.toExponential(1) : `${Number(lr.toPrecision(3))}`

export function showSeconds(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`
  return `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`
}

/** The table's head: which column is what. */
function headLines({ metrics, hasValidation, hasSchedule, isStreamed }: Start): string[] {
  const names = metrics.map(({ name }) => name.padStart(width(name)))
  const group = ['loss'.padStart(LOSS_WIDTH), ...names].join(GAP)
  const titles = hasValidation ? ['train', 'validation'] : ['train']
  const over = titles.map((title) => `    ── ${title} `.padEnd(group.length, '─'))
  const groups = titles.map(() => group)
  return [
    ' '.repeat(EPOCH_WIDTH) + over.join(''),
    [
      'epoch'.padStart(EPOCH_WIDTH),
      ...groups,
      hasSchedule ? 'lr'.padStart(LOSS_WIDTH) : '',
      isStreamed ? 'loading'.padStart(LOADING_WIDTH) : '',
      'time'.padStart(LOSS_WIDTH),
    ].join(''),
  ]
}

/** The table's columns that a terminal has room for: its last metrics and the rate go first. */
function fitting(start: Start, terminal: Pick<Terminal, 'isTerminal' | 'columns'>): Start {
  const isWide = headLines(start).at(-1)!.length + BEST.length > terminal.columns
  if (!terminal.isTerminal || !isWide) return start
  const metrics = start.metrics.slice(0, -1)
  if (metrics.length < start.metrics.length) {
    return fitting({ ...start, metrics }, terminal)
  }
  return { ...start, hasSchedule: false, isStreamed: false }
}

const width = (name: string): number => Math.max(9, name.length)

function scoreCells({ loss, metrics }: Scores, infos: readonly MetricInfo[]): string {
  const cells = infos.map((info) =>
    showMetric(metrics[info.name] ?? Number.NaN, info).padStart(width(info.name)),
  )
  return [showNumber(loss).padStart(LOSS_WIDTH), ...cells].join(GAP)
}

function epochLine(record: EpochRecord, isBest: boolean, start: Start): string {
  const { epochs, metrics, hasSchedule, isStreamed } = start
  const { epoch, train, validation, seconds, lr, loading = 0 } = record
  return [
    `${epoch}/${epochs}`.padStart(EPOCH_WIDTH),
    scoreCells(train, metrics),
    validation ? scoreCells(validation, metrics) : '',
    hasSchedule && lr !== undefined ? showRate(lr).padStart(LOSS_WIDTH) : '',
    isStreamed ? `${Math.round((100 * loading) / seconds)} %`.padStart(LOADING_WIDTH) : '',
    showSeconds(seconds).padStart(LOSS_WIDTH),
    isBest ? BEST : '',
  ].join('')
}

/** A line an epoch, in columns: all of them in a file or pipe. No control characters. */
export function linesReporter(terminal: Terminal): EventListener {
  let start: Start | undefined
  return (event) => {
    if (event.type === 'start') {
      start = fitting(event, terminal)
      for (const line of headLines(start)) terminal.write(`${line}\n`)
    } else if (event.type === 'epoch' && start) {
      terminal.write(`${epochLine(event.record, event.isBest, start)}\n`)
    }
  }
}

/** As {@link linesReporter}, with a bar for the steps of the running epoch below. */
export async function barReporter(
  terminal: Terminal,
  stream: NodeJS.WritableStream,
): Promise<EventListener> {
  const { SingleBar } = await import('cli-progress')
  const lines = linesReporter(terminal)
  const bar = new SingleBar({
    format: '{place} {bar} {value}/{total}   loss {loss}',
    barsize: Math.max(10, Math.min(40, terminal.columns - 46)),
    barCompleteChar: '━',
    barIncompleteChar: '─',
    stream,
    fps: 15,
    clearOnComplete: true,
    hideCursor: true,
    gracefulExit: false,
  })
  let epochs = 0
  let isActive = false
  const show = (epoch: number, steps: number, step: number, loss: string) => {
    const payload = { place: `${epoch}/${epochs}`.padStart(EPOCH_WIDTH), loss }
    if (isActive) return bar.update(step, payload)
    bar.start(steps, step, payload)
    isActive = true
  }
  const hide = () => {
    if (isActive) bar.stop()
    isActive = false
  }
  return async (event) => {
    if (event.type === 'step') {
      return show(event.epoch, event.steps, event.step, showNumber(event.loss))
    }
    hide()
    await lines(event)
    if (event.type !== 'start' || event.done >= event.epochs) return
    epochs = event.epochs
    // The first step takes longer than the others: it is compiled.
    show(event.done + 1, event.steps, 0, '…')
  }
}

/** What `progress` stands for. Nothing where there is no terminal to write to. */
export async function reporterFor(
  progress: 'bar' | 'lines' | 'none' | undefined,
): Promise<EventListener | undefined> {
  const stream = globalThis.process?.stdout
  if (progress === 'none' || !stream) return undefined
  const terminal: Terminal = {
    isTerminal: stream.isTTY === true,
    columns: stream.columns ?? 80,
    write: (text) => {
      stream.write(text)
    },
  }
  const isBar = terminal.isTerminal && progress !== 'lines'
  return isBar ? barReporter(terminal, stream) : linesReporter(terminal)
}
