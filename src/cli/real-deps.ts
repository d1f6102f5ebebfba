/** The terminal, the person and the clock of a real command line. */
import { once } from 'node:events'
import { userInfo } from 'node:os'
import { stripVTControlCharacters } from 'node:util'
import colors from 'picocolors'
import type { Deps } from './deps.ts'

export const realDeps = (): Deps => {
  const { stdout, stderr, stdin } = process
  const isTerminal = stdout.isTTY === true
  const { bold, dim, red, green, yellow, cyan } = colors.createColors(
    // What is asked for by name is given to a pipe, too.
    colors.isColorSupported && (isTerminal || (process.env.FORCE_COLOR ?? '') !== ''),
  )
  const interrupted = new AbortController()
  // The first ends whatever runs in order, a second one at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort())
  // `baton log show | head` is no error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    throw error
  })
  return {
    print: async (text) => {
      if (!stdout.write(text)) await once(stdout, 'drain')
    },
    complain: (text) => {
      // Colours are chosen for standard output: errors may go elsewhere.
      stderr.write(stderr.isTTY || !isTerminal ? text : stripVTControlCharacters(text))
    },
    isTerminal,
    size: () => ({ columns: stdout.columns ?? 100, rows: stdout.rows ?? 40 }),
    colours: { bold, dim, red, green, yellow, cyan },
    confirm: async (question) => {
      if (!stdin.isTTY) return null
      const { createInterface } = await import('node:readline/promises')
      const lines = createInterface({ input: stdin, output: stderr })
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim())
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'AbortError') throw error
        // Ctrl-C and Ctrl-D are a no; the line that was begun is ended.
        stderr.write('\n')
        return false
      } finally {
        lines.close()
      }
    },
    user: process.env.SUDO_USER ?? userName(),
    defaultState: process.env.BATON_STATE ?? '/var/lib/baton',
    now: () => Date.now(),
    zoneMs: (at) => -new Date(at).getTimezoneOffset() * 60_000,
    signal: interrupted.signal,
  }
}

const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
