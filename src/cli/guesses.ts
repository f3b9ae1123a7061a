import type { Guess } from '../vision/classifier.ts'
import type { Output } from './output.ts'

const BAR = 20

/** An image's likeliest classes, with bars. */
export function printGuesses(image: string, guesses: readonly Guess[], output: Output): void {
  const { bold, dim, cyan } = output.colors
  output.print(`${image}  ${bold(guesses[0]!.name)}`)
  const room = Math.max(20, output.columns - BAR - 16)
  const names = guesses.map(({ name }) => shortened(name, room))
  const wide = Math.max(...names.map((name) => name.length))
  for (const [i, { probability }] of guesses.entries()) {
    const full = Math.round(probability * BAR)
    const bar = `${cyan('━'.repeat(full))}${dim('─'.repeat(BAR - full))}`
    const share = `${(100 * probability).toFixed(1).padStart(5)} %`
    output.print(`  ${names[i]!.padEnd(wide)}  ${bar}  ${share}`)
  }
  output.print()
}

const shortened = (name: string, room: number): string =>
  name.length > room ? `${name.slice(0, room - 1)}…` : name
