/** What `baton status` says of the two copies of a pair's log. */
import type { AgentStatus } from '../agents/control-protocol.ts'
import type { LogSides } from '../projections/log-sides.ts'
import { type Colours, counted } from './deps.ts'

/** `pair: log on both, s1 first`; null in other topologies. */
export const pairInWords = ({ head, isAlone, since }: LogSides, colours: Colours): string | null => {
  if (head === null) return null
  const alone = `log with ${colours.yellow(`${head} alone`)} since sequence ${since}`
  return `pair: ${isAlone ? alone : `log on ${colours.green('both')}, ${head} first`}`
}

/** What is to be known about the other copy, as this server sees it. */
export const copyWarnings = ({ copies, state }: AgentStatus): readonly string[] => {
  if (!copies) return []
  const { head, isAlone } = state.logSides
  if (copies.split !== null) {
    const end = copies.split.isOurs ? 'the other one gives up what it decided' : 'this one gives up what it decided'
    return [`both servers had gone on alone after sequence ${copies.split.common}: ${end}`]
  }
  if (!isAlone)
    return copies.peer === 'unreachable' ? [`the log of the other server is out of reach: nothing is decided`] : []
  const lost = `if ${head} is lost now, so is what it decides`
  if (copies.peer === 'unreachable') return [`there is no other copy of the log in reach: ${lost}`]
  return [`the other copy of the log lacks ${counted(copies.behind, 'commit')}, or waits for its server: ${lost}`]
}
