/** The text of `baton status`. */
import type { AgentStatus, PeerStatus } from '../agents/control-protocol.ts'
import { keepsOnQuorumLoss } from '../decisions/fencing.ts'
import type { Group } from '../projections/groups.ts'
import {
  banners,
  groupsByServer,
  type MonitorRow,
  monitorRows,
  needsAttention,
  resourcesOf,
} from '../projections/overview.ts'
import { isJeopardy } from '../projections/paths.ts'
import { presenceOf, type Server, serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { heartbeatOf } from '../projections/timing.ts'
import { durationInWords } from '../projections/wording.ts'
import { stopInWords } from '../projections/words.ts'
import { type Colours, counted, type Paint } from './deps.ts'
import { copyWarnings, pairInWords } from './pair-lines.ts'
import { indent, row, table } from './table.ts'
import { formatTime, type Zone } from './times.ts'

/** What is known, and from where. */
export type Known =
  | { readonly from: 'agent'; readonly status: AgentStatus; readonly state: State }
  | { readonly from: 'snapshot' | 'file'; readonly name: string; readonly state: State }

export type StatusLook = { readonly colours: Colours; readonly zone: Zone; readonly now: number }

export const statusLines = (known: Known, look: StatusLook): readonly string[] => [
  ...clusterLines(known, look),
  '',
  look.colours.bold('servers'),
  ...indent(serverLines(known, look)),
  '',
  look.colours.bold('groups'),
  ...indent(groupLines(known, look)),
  ...monitorLines(known.state, look),
  ...underWay(known.state, look),
]

const clusterLines = (known: Known, { colours, zone, now }: StatusLook): readonly string[] => {
  const { state } = known
  const name = colours.bold(`cluster ${state.cluster.name || '(no name yet)'}`)
  const warn = (text: string) => colours.yellow(`! ${text}`)
  const attention = needsAttention(state)
  const shown = [
    ...banners(state).map(warn),
    ...(attention.length === 0 ? [] : [colours.red(`! ${attention.join('; ')}: see \`baton alerts -v\``)]),
  ]
  if (known.from !== 'agent') {
    const age = `sequence ${state.position.sequence}, ${formatTime(state.at, zone)}, ${durationInWords(Math.max(0, now - state.at))} ago`
    if (known.from === 'file') return [`${name}  as ${known.name} ends: ${age}`, ...shown]
    const what = `no agent runs here: this is what ${known.name} says, as of ${age}; it may have changed since`
    return [name, colours.red(`! ${what}`), ...shown]
  }
  const { status } = known
  const quorum = quorumOf(status)
  const facts = [
    name,
    `quorum ${quorum.isThere ? colours.green('yes') : colours.red('NO')} (${quorum.heard} of ${quorum.voters} voters)`,
    pairInWords(state.logSides, colours) ?? `log leader ${status.log.leader ?? colours.red('none')}`,
    `sequence ${state.position.sequence}`,
    knowledge(status, colours),
  ]
  return [
    facts.join('  '),
    ...(status.notDeciding === null ? [] : [warn(`this server does not decide: ${status.notDeciding}`)]),
    ...(status.log.reachable ? [] : [warn(withoutLog(status))]),
    ...status.notAdmitted.map((voter) =>
      warn(
        `the word of ${voter} does not count: its store was replaced. Sure that it is ${voter}? baton server readmit ${voter}`,
      ),
    ),
    ...(status.copies ? copyWarnings(status) : lagging(status)).map(warn),
    ...shown,
  ]
}

const knowledge = ({ knowledge: { knowsUntilMsAgo } }: AgentStatus, colours: Colours): string =>
  knowsUntilMsAgo < 1000
    ? 'up to date'
    : colours.yellow(`as known ${durationInWords(knowsUntilMsAgo)} ago: later decisions may be missing`)

/** Its lease is over, so what it ran is off: the log, which it cannot reach, does not know that yet. */
const runsNothing = ({ role, lease, state }: AgentStatus): boolean =>
  role === 'server' && lease.remainingMs === 0 && !keepsOnQuorumLoss(state)

const withoutLog = (status: AgentStatus): string =>
  `the log cannot be written from here: nothing is decided, ${runsNothing(status) ? 'and without a lease this server runs nothing, whatever stands below; others may have its groups' : 'what runs goes on'}`

/** Who leads the log knows who follows; without a leader nobody does. */
const lagging = ({ log }: AgentStatus): readonly string[] => {
  if (log.leader === null) return []
  const behind = log.replicas.filter(({ current }) => !current).map(({ voter }) => voter)
  return behind.length === 0 ? [] : [`the log is behind, or gone, on ${behind.join(', ')}`]
}

/** Voters heard within the heartbeat timeout, this one included. */
const quorumOf = (status: AgentStatus): { isThere: boolean; heard: number; voters: number } => {
  const timeoutMs = timeoutOf(status.state)
  const { current, voters: inForce } = status.state.configuration
  const voters = current === null ? [status.voter, ...status.peers.map(({ voter }) => voter)] : inForce
  const heard = [status.voter, ...status.peers.filter((peer) => isHeard(peer, timeoutMs)).map(({ voter }) => voter)]
  const there = voters.filter((voter) => heard.includes(voter)).length
  const { head, isAlone } = status.state.logSides
  const isAloneHere = isAlone && head === status.voter
  return { isThere: isAloneHere || there * 2 > voters.length, heard: there, voters: voters.length }
}
const timeoutOf = (state: State): number => heartbeatOf(state)?.timeout ?? 3000
const isHeard = ({ heardMsAgo }: PeerStatus, timeoutMs: number): boolean =>
  heardMsAgo !== null && heardMsAgo < timeoutMs

const serverLines = (known: Known, look: StatusLook): readonly string[] => {
  const { state } = known
  const witness = state.configuration.current?.witness?.name
  const rows = Object.values(state.servers.byName).map((server) => serverRow(known, server, look))
  if (witness !== undefined) rows.push(witnessRow(known, witness, look))
  return rows.length === 0 ? ['none'] : table(rows)
}

const serverRow = (known: Known, server: Server, { colours }: StatusLook): readonly string[] => {
  const { state } = known
  const groups = groupsByServer(state).get(server.name) ?? []
  const notes = [
    ...orderNote(server),
    ...(server.isCutOff ? ['cut off, says NP resolution'] : []),
    ...Object.entries(server.lostPaths)
      .filter(([, paths]) => paths.length > 0)
      .map(([peer, paths]) => `does not hear ${peer} on ${paths.join(', ')}`),
  ]
  return row(
    isHere(known, server.name) ? `* ${server.name}` : `  ${server.name}`,
    statusWord(server, colours),
    heardWords(known, server.name, colours),
    groups.length === 0 ? colours.dim('no groups') : groups.map(({ name }) => name).join(', '),
    notes.length === 0 ? '' : colours.yellow(notes.join('; ')),
  )
}

const orderNote = (server: Server): readonly string[] =>
  presenceOf(server) === 1
    ? [`awaits its return: baton server start ${server.name}`]
    : server.stopOrdered
      ? [server.status === 'up' ? 'stop ordered' : `stopped by order: baton server start ${server.name}`]
      : []

const isHere = (known: Known, name: string): boolean => known.from === 'agent' && known.status.voter === name

const statusWord = ({ status }: Server, { green, red, yellow, dim }: Colours): string => {
  const paint: Readonly<Record<Server['status'], Paint>> = { up: green, down: red, left: yellow, never: dim }
  const words: Readonly<Record<Server['status'], string>> = {
    up: 'up',
    down: 'DOWN',
    left: 'stopped',
    never: 'never joined',
  }
  return paint[status](words[status])
}

const witnessRow = (known: Known, name: string, { colours }: StatusLook): readonly string[] =>
  row(isHere(known, name) ? `* ${name}` : `  ${name}`, 'witness', heardWords(known, name, colours), '', '')

/** Of itself: its lease. Of others: when and over what they were heard. */
const heardWords = (known: Known, name: string, colours: Colours): string => {
  if (known.from !== 'agent') return ''
  const { status } = known
  if (status.voter === name) {
    if (status.role === 'witness') return 'this machine'
    const { held, remainingMs, because } = status.lease
    // Where nobody else votes it never ends.
    const left = remainingMs > 86_400_000 ? 'lease held' : `lease ${durationInWords(remainingMs)}`
    if (held) return left
    const isStopped = serverOf(status.state.servers, status.voter).status === 'left'
    return isStopped ? colours.yellow('no lease: it is stopped') : colours.red(`no lease: ${because}`)
  }
  const peer = status.peers.find(({ voter }) => voter === name)
  if (!peer || peer.heardMsAgo === null) return colours.red('not heard')
  const timeoutMs = timeoutOf(status.state)
  const paths = Object.entries(peer.paths)
  const alive = paths.filter(([, ago]) => ago !== null && ago < timeoutMs).map(([path]) => path)
  const lost = paths.map(([path]) => path).filter((path) => !alive.includes(path))
  if (alive.length === 0) return colours.red(`not heard for ${durationInWords(peer.heardMsAgo)}`)
  const heard = `heard ${durationInWords(peer.heardMsAgo)} ago on ${alive.join(', ')}`
  if (lost.length === 0) return heard
  const jeopardy = isJeopardy(alive, lost) ? colours.red('JEOPARDY, one path left') : ''
  return [heard, colours.yellow(`lost ${lost.join(', ')}`), jeopardy].filter((part) => part !== '').join('; ')
}

const groupLines = (known: Known, look: StatusLook): readonly string[] => {
  const groups = Object.values(known.state.groups)
  return groups.length === 0 ? ['none'] : groups.flatMap((group) => groupLinesOf(known, group, look))
}

const groupLinesOf = (known: Known, group: Group, look: StatusLook): readonly string[] => {
  const { state } = known
  const { colours } = look
  const { ownership, waiting, suppressed, failovers } = group
  const isOver =
    ownership.status === 'assigned' &&
    known.from === 'agent' &&
    known.status.voter === String(ownership.server) &&
    !known.status.log.reachable &&
    runsNothing(known.status)
  const head = row(
    colours.bold(group.name),
    phaseWord(group, state.cluster.stopped, colours),
    ownership.status === 'assigned' ? `on ${ownership.server}` : '',
    `for ${sinceWords(ownership.since, look)}`,
    ownership.status === 'stopped' ? colours.dim(`(${stopInWords(ownership.because)})`) : '',
    failovers > 0 ? colours.yellow(counted(failovers, 'failover')) : '',
  )
  const notes = [
    ...(isOver ? ['as the log had it; without a lease it has been stopped here'] : []),
    ...(ownership.status === 'assigned' && ownership.because !== '' ? [ownership.because] : []),
    ...(ownership.status === 'assigned' && ownership.next ? [`goes to ${ownership.next.server}`] : []),
    ...(waiting ? [`waiting: ${waiting.because}`] : []),
    ...(suppressed ? [`not failed over: ${suppressed}`] : []),
  ]
  const resources = resourcesOf(state, group).map(({ name, type, resource }) =>
    row(
      name,
      colours.dim(type),
      conditionWord(resource?.condition ?? 'offline', colours),
      resource && resource.condition !== 'online' ? `for ${sinceWords(resource.since, look)}` : '',
      [resource?.wanted === 'off' ? 'stopped by hand' : '', resource?.because ?? '']
        .filter((text) => text !== '')
        .join('; '),
    ),
  )
  return [
    head.filter((cell) => cell !== '').join('  '),
    ...indent(notes.map((note) => colours.yellow(note))),
    ...indent(table(resources)),
  ]
}

const phaseWord = (
  { ownership, wanted }: Group,
  isClusterStopped: boolean,
  { green, red, yellow, dim }: Colours,
): string => {
  if (ownership.status === 'stopped')
    return wanted === 'stopped' || isClusterStopped ? dim('stopped') : yellow('stopped, to be started')
  const { phase } = ownership
  const paint = { online: green, starting: yellow, stopping: yellow, failed: red, uncertain: red }
  return paint[phase](phase === 'failed' || phase === 'uncertain' ? phase.toUpperCase() : phase)
}

const conditionWord = (condition: string, { green, red, yellow, dim }: Colours): string => {
  if (condition === 'online') return green(condition)
  if (condition === 'offline') return dim(condition)
  return condition === 'lost' || condition.endsWith('failed') ? red(condition) : yellow(condition)
}

const verdictPaint = ({ verdict, left }: MonitorRow, { red, green, yellow, dim }: Colours): Paint => {
  if (left !== null) return dim
  return verdict === 'error' ? red : verdict === 'normal' ? green : yellow
}

const monitorLines = (state: State, look: StatusLook): readonly string[] => {
  const { colours } = look
  const rows = monitorRows(state).map((monitor) => {
    const notes = [
      ...(monitor.left === null ? [] : [`${monitor.left} has left`]),
      ...(monitor.verdict === 'normal' ? [] : [monitor.because]),
      ...(monitor.recovery === '' ? [] : [`recovery so far: ${monitor.recovery}`]),
      ...(monitor.suppressed === '' ? [] : [`no recovery: ${monitor.suppressed}`]),
      ...(monitor.dummy ? ['practice failure'] : []),
    ]
    const told = notes.filter((note) => note !== '').join('; ')
    return row(
      monitor.name,
      `on ${monitor.server}`,
      verdictPaint(monitor, colours)(monitor.verdict),
      `for ${sinceWords(monitor.since, look)}`,
      told,
    )
  })
  return rows.length === 0 ? [] : ['', colours.bold('monitors'), ...indent(table(rows))]
}

/** Requests that nobody has seen the end of. */
const underWay = (state: State, look: StatusLook): readonly string[] => {
  const open = state.operations.filter(({ outcome }) => outcome === 'under-way')
  if (open.length === 0) return []
  const rows = open.map(({ command, by, at }) =>
    row(command.do, by.replace('operator:', 'by '), `for ${sinceWords(at, look)}`),
  )
  return ['', look.colours.bold('under way'), ...indent(table(rows))]
}

const sinceWords = (since: number, { now }: StatusLook): string => durationInWords(Math.max(0, now - since))
