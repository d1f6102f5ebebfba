/** `baton status --paths`: who hears whom, on which path, and how well. */
import type { AgentStatus, PeerStatus } from '../agents/control-protocol.ts'
import { isJeopardy, pathsBetween } from '../projections/paths.ts'
import { heartbeatOf } from '../projections/timing.ts'
import { durationInWords } from '../projections/wording.ts'
import type { Colours } from './deps.ts'
import { row, table } from './table.ts'

/** One way from `peer` to `server`. What is null is known to that server alone: ask there. */
export type PathRow = {
  readonly server: string
  readonly peer: string
  readonly path: string
  readonly state: 'heard' | 'lost' | 'never'
  readonly heardMsAgo: number | null
  /** There and back by this path; the smallest of the last. Null until the peer has said what it is reckoned from. */
  readonly roundTripMs: number | null
  /** Smallest of the last answers: the round trip, and at most what the peer waited until its next beat. */
  readonly answerMs: number | null
  /** Beats that came late since the agent started, and the worst. */
  readonly late: number | null
  readonly worstMs: number | null
}

const usualTimeout = 3000

export const pathRows = (status: AgentStatus): readonly PathRow[] => {
  const timeoutMs = heartbeatOf(status.state)?.timeout ?? usualTimeout
  const own = status.peers.flatMap((peer) => ownRows(status.voter, peer, timeoutMs))
  const others = status.peers
    .filter(({ heardMsAgo }) => heardMsAgo !== null && heardMsAgo < timeoutMs)
    .flatMap((peer) => saidRows(status, peer))
  return [...own, ...others]
}

const ownRows = (server: string, { voter, paths, times }: PeerStatus, timeoutMs: number): readonly PathRow[] =>
  Object.entries(paths).map(([path, ago]) => ({
    server,
    peer: voter,
    path,
    state: ago === null ? 'never' : ago < timeoutMs ? 'heard' : 'lost',
    heardMsAgo: ago,
    roundTripMs: times[path]?.roundTripMs ?? null,
    answerMs: times[path]?.answerMs ?? null,
    late: times[path]?.late ?? 0,
    worstMs: times[path]?.worstMs ?? 0,
  }))

/** By the other's own word, in its latest beat. */
const saidRows = ({ state, voter, peers }: AgentStatus, { voter: server, hears }: PeerStatus): readonly PathRow[] => {
  const { current } = state.configuration
  const all = [voter, ...peers.map((peer) => peer.voter)].filter((peer) => peer !== server)
  return all.flatMap((peer) => {
    const heard = hears[peer] ?? []
    const possible = current === null ? heard : [...new Set([...pathsBetween(current, server, peer), ...heard])]
    return possible.map((path) => ({
      server,
      peer,
      path,
      state: heard.includes(path) ? ('heard' as const) : ('lost' as const),
      heardMsAgo: null,
      roundTripMs: null,
      answerMs: null,
      late: null,
      worstMs: null,
    }))
  })
}

export const pathLines = (
  { voter, partition }: Pick<AgentStatus, 'voter' | 'partition'>,
  rows: readonly PathRow[],
  colours: Colours,
): readonly string[] => {
  const head = ['server', 'hears', 'on', 'state', 'last', 'round trip', 'late'].map((word) => colours.dim(word))
  const lines = rows.map((one) => rowOf(one, colours))
  const jeopardies = jeopardiesOf(rows).map((words) => colours.red(`JEOPARDY: ${words}`))
  const note = colours.dim(`Times are known to ${voter} alone; of the others, what they say in their beats.`)
  return [...jeopardies, ...table([row(...head), ...lines]), note, ...partitionLines(voter, partition, colours)]
}

const rowOf = (of: PathRow, colours: Colours) => {
  const { server, peer, path, state, heardMsAgo, late, worstMs } = of
  const paint = { heard: colours.green, lost: colours.red, never: colours.yellow }[state]
  return row(
    server,
    peer,
    path,
    paint(state),
    heardMsAgo === null ? '' : `${durationInWords(heardMsAgo)} ago`,
    roundTripInWords(of),
    late ? colours.yellow(`${late}, worst ${durationInWords(worstMs ?? 0)}`) : '',
  )
}

/** Short ones with their tenths: networks differ there. */
const roundTripInWords = ({ roundTripMs, answerMs }: PathRow): string => {
  const words = (ms: number) => (ms < 10 ? `${ms.toFixed(1)} ms` : durationInWords(ms))
  if (roundTripMs !== null) return words(roundTripMs)
  return answerMs === null ? '' : `≤ ${words(answerMs)}`
}

const partitionLines = (voter: string, partition: AgentStatus['partition'], colours: Colours): readonly string[] => {
  if (partition === null) return []
  const { verdict, reasons, controllers } = partition
  const paint = { connected: colours.green, 'cut-off': colours.red, unknown: colours.yellow }[verdict]
  const bmcs = controllers.map(({ server, isPresent, power, msAgo }) => {
    const presence = isPresent === null ? 'could not be asked' : isPresent ? 'answers' : colours.red('does not answer')
    const says = power === 'unknown' ? '' : `, and says that its machine is ${power}`
    return `Management controller of ${server}: ${presence}${says} (${durationInWords(msAgo)} ago)`
  })
  return [`NP resolution on ${voter}: ${paint(verdict)} (${reasons.join('; ')})`, ...bmcs]
}

/** One fault away from silence. */
const jeopardiesOf = (rows: readonly PathRow[]): readonly string[] => {
  const pairs = Map.groupBy(rows, ({ server, peer }) => `${server} hears ${peer}`)
  return [...pairs].flatMap(([words, ways]) => {
    const of = (isHeard: boolean) => ways.filter(({ state }) => (state === 'heard') === isHeard).map(({ path }) => path)
    return isJeopardy(of(true), of(false)) ? [`${words} on ${of(true).join(', ')} only`] : []
  })
}
