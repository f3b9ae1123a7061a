import type { TrainEvent } from '../train/events.ts'
import type { Output } from './output.ts'

/** Events as lines of JSON. Those of single steps would be too many. */
export function tell(event: TrainEvent, output: Output): void {
  if (event.type === 'epoch') {
    const { record, isBest } = event
    output.event({ event: 'epoch', ...record, isBest })
  } else if (event.type === 'start') {
    const { epochs, done, steps, folder } = event
    output.event({ event: 'start', epochs, done, steps, folder })
  }
}
