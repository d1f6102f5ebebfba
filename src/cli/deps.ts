/** What commands are given: where they print, who asks, and how they end. */
import type { Command } from 'commander'

/** Fixed: scripts rely on them. Listed in `baton --help`. */
export const exitCode = { ok: 0, failed: 1, usage: 2, refused: 3, unreachable: 4, timedOut: 5 } as const
export type ExitCode = (typeof exitCode)[keyof typeof exitCode]

/** Ends a command with a message for the person, empty when it has been printed, and a code for the script. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
  readonly code: ExitCode
  /** What to do about it. */
  readonly remedy: string
  constructor(code: ExitCode, message: string, remedy = '', options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.remedy = remedy
  }
}

export type Paint = (text: string) => string
export type Colours = {
  readonly bold: Paint
  readonly dim: Paint
  readonly red: Paint
  readonly green: Paint
  readonly yellow: Paint
  readonly cyan: Paint
}

export type Deps = {
  /** Prints to standard output; resolves when it may be given more. */
  readonly print: (text: string) => Promise<void>
  /** Prints to standard error. */
  readonly complain: (text: string) => void
  /** Standard output is a terminal: colours, redrawing. */
  readonly isTerminal: boolean
  readonly size: () => { readonly columns: number; readonly rows: number }
  readonly colours: Colours
  /** Asks; null when nobody is there to answer. */
  readonly confirm: (question: string) => Promise<boolean | null>
  /** The person who asks, for the log. */
  readonly user: string
  /** BATON_STATE. */
  readonly defaultState: string
  readonly now: () => number
  /** Difference of local time to UTC at a moment. */
  readonly zoneMs: (at: number) => number
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

/** What a command file exports: it adds its commands to the program. */
export type AddCommands = (program: Command, deps: Deps) => void

/** `one` or `many`, after the number. */
export const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`
