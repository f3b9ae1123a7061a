import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { BatchReport } from './batcher.ts'

/** Seconds, from a tiny network's to a large one's under load. */
const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** What is counted while a server runs, in Prometheus' text format. */
export interface Metrics {
  readonly registry: Registry
  answered(route: string, method: string, status: number, milliseconds: number): void
  batch(report: BatchReport): void
  reload(outcome: 'done' | 'failed'): void
}

/** What is asked for when somebody looks. */
export interface Gauges {
  /** Examples that wait for a batch. */
  waiting(): number
  /** Requests that are being answered. */
  requests(): number
  model(): { readonly name: string; readonly version: string } | undefined
}

/** Counters of a server of its own, and those of its process. */
export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  addGauges(gauges, registers)
  const labelNames = ['route', 'method', 'status'] as const
  const requests = new Counter({
    name: 'brickwork_requests_total',
    help: 'Requests that were answered.',
    labelNames,
    registers,
  })
  const histogram = (name: string, help: string, buckets = seconds) =>
    new Histogram({ name, help, buckets, registers })
  const durations = new Histogram({
    name: 'brickwork_request_duration_seconds',
    help: 'From the first byte of a request to the last of its answer.',
    labelNames: ['route'],
    buckets: seconds,
    registers,
  })
  const rows = histogram(
    'brickwork_batch_size',
    'Examples in a batch.',
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  )
  const ran = histogram('brickwork_batch_duration_seconds', 'How long a batch was computed.')
  const waited = histogram('brickwork_batch_wait_seconds', 'The longest wait in each batch.')
  const reloads = new Counter({
    name: 'brickwork_reloads_total',
    help: 'Versions that were loaded, or could not be.',
    labelNames: ['outcome'] as const,
    registers,
  })
  return {
    registry,
    answered: (route, method, status, milliseconds) => {
      requests.inc({ route, method, status })
      durations.observe({ route }, milliseconds / 1000)
    },
    batch: ({ rows: count, waitedMs, ranMs }) => {
      rows.observe(count)
      waited.observe(waitedMs / 1000)
      ran.observe(ranMs / 1000)
    },
    reload: (outcome) => reloads.inc({ outcome }),
  }
}

function addGauges({ waiting, requests, model }: Gauges, registers: Registry[]): void {
  new Gauge({
    name: 'brickwork_queue_length',
    help: 'Examples that wait for a batch.',
    registers,
    collect() {
      this.set(waiting())
    },
  })
  new Gauge({
    name: 'brickwork_requests_in_flight',
    help: 'Requests that are being answered.',
    registers,
    collect() {
      this.set(requests())
    },
  })
  new Gauge({
    name: 'brickwork_model_version',
    help: 'The version that answers now.',
    labelNames: ['model'] as const,
    registers,
    collect() {
      const found = model()
      this.reset()
      if (found) this.set({ model: found.name }, Number(found.version))
    },
  })
}
