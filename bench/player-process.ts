import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import type { Contestant } from './contestants.ts'
import type { Answers, Refusal, Request } from './protocol.ts'

/** The line of a process's last words that says most. */
export function reasonIn(text: string): string {
  const lines = text.trim().split('\n')
  return lines.find((line) => /^[\w.]*Error\b.*:/.test(line)) || lines.at(-1)!
}

/** Why a contestant does not take part in a workload. */
export class Absent extends Error {
  /** Whether it can't do such a workload, rather than that something broke. */
  readonly isSkip: boolean

  constructor(reason: string, isSkip: boolean) {
    super(reason)
    this.isSkip = isSkip
  }
}

/** A contestant's process, asked one thing at a time. */
export class PlayerProcess {
  readonly contestant: Contestant
  private readonly child: ChildProcess
  private readonly lines: AsyncIterator<string>
  private readonly reader: Interface
  /** The end of what it printed besides answers. */
  private complaint = ''

  /** @param cache Where native programs are kept. */
  constructor(contestant: Contestant, cache: string) {
    this.contestant = contestant
    const [command, ...rest] = contestant.command
    const env = { ...process.env, ...contestant.environment, BRICKWORK_CACHE: cache }
    this.child = spawn(command!, rest, { stdio: 'pipe', env })
    this.child.on('error', ({ message }) => {
      this.complaint = message
    })
    this.child.stdin!.on('error', () => {}) // Its end is seen where answers are read.
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.complaint = (this.complaint + text).slice(-2000)
    })
    this.reader = createInterface({ input: this.child.stdout! })
    this.lines = this.reader[Symbol.asyncIterator]()
  }

  /** Its answer within so many milliseconds; else it is ended, and absent. */
  async ask<R extends Request>(request: R, limit: number): Promise<Answers[R['do']]> {
    this.child.stdin!.write(`${JSON.stringify(request)}\n`)
    const line = await this.within(limit)
    if (line === 'late') {
      this.end()
      throw new Absent(`took more than ${Math.round(limit / 1000)} s to ${request.do}`, true)
    }
    if (line.done) throw new Absent(reasonIn(this.complaint) || 'ended without an answer', false)
    const answer = JSON.parse(line.value) as Answers[R['do']] | Refusal
    if ('skip' in answer) throw new Absent(answer.skip, true)
    if ('error' in answer) throw new Absent(answer.error.split('\n')[0]!, false)
    return answer
  }

  private async within(limit: number): Promise<IteratorResult<string> | 'late'> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), limit)
    })
    const first = await Promise.race([this.lines.next(), late])
    clearTimeout(timer)
    return first
  }

  end(): void {
    this.child.kill('SIGKILL')
    this.reader.close()
  }
}
