/** Shows something again and again, until Ctrl-C: drawn over on a terminal, printed when it has changed elsewhere. */
import { setTimeout as wait } from 'node:timers/promises'
import { CommandFailed, type Deps, exitCode } from './deps.ts'
import { foldTo } from './table.ts'

/** Between two looks: often enough to see a takeover happen. */
const lookMs = 500

export const watchLines = async (deps: Deps, look: () => Promise<readonly string[]>): Promise<void> => {
  let printed = ''
  if (deps.isTerminal) await deps.print('\u001b[?25l\u001b[2J')
  try {
    while (!deps.signal.aborted) {
      const lines = await linesOrWhyNot(deps, look)
      const text = lines.join('\n')
      if (deps.isTerminal) await redraw(deps, lines)
      else if (text !== printed && !deps.signal.aborted) await deps.print(`${text}\n`)
      printed = text
      await wait(lookMs, undefined, { signal: deps.signal }).catch(() => {})
    }
  } finally {
    if (deps.isTerminal) await deps.print('\u001b[?25h')
  }
}

/** A watch outlives an agent that restarts. */
const linesOrWhyNot = async (deps: Deps, look: () => Promise<readonly string[]>): Promise<readonly string[]> => {
  try {
    return await look()
  } catch (error) {
    if (deps.signal.aborted) return []
    if (error instanceof CommandFailed && error.code === exitCode.unreachable) return [deps.colours.red(error.message)]
    throw error
  }
}

const redraw = async (deps: Deps, lines: readonly string[]): Promise<void> => {
  const { columns, rows } = deps.size()
  const folded = lines.flatMap((line) => foldTo(line, columns))
  const shown = folded.slice(0, rows - 1).map((line) => `${line}\u001b[K`)
  if (!deps.signal.aborted) await deps.print(`\u001b[H${shown.join('\n')}\n\u001b[J`)
}
