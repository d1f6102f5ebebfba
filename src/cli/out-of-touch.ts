/** What a server that is cut off knows may be over: whoever reads it is told. */
import type { AgentStatus } from '../agents/control-protocol.ts'
import { durationInWords } from '../projections/wording.ts'
import type { Deps } from './deps.ts'

/** Commits come in within a fraction of this where all is well. */
const freshMs = 3000

/** Null where it is up to date. */
export const outOfTouch = ({ knowledge: { knowsUntilMsAgo } }: Pick<AgentStatus, 'knowledge'>): string | null =>
  knowsUntilMsAgo < freshMs
    ? null
    : `this server is out of touch with the log: this is as known ${durationInWords(knowsUntilMsAgo)} ago, and others may have decided since; ask another server`

/** To standard error: what is read goes on to programs. */
export const sayOutOfTouch = (
  status: Pick<AgentStatus, 'knowledge'>,
  deps: Pick<Deps, 'complain' | 'colours'>,
): void => {
  const words = outOfTouch(status)
  if (words !== null) deps.complain(`${deps.colours.yellow(`! ${words}`)}\n`)
}
