/** What follows from the agent's own word: leases, guardian, voters, paths, the log. */
import type { AgentStatus, PeerStatus } from '../../agents/control-protocol.ts'
import { durationInWords } from '../../projections/wording.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

export const agentChecks = (status: AgentStatus): readonly Finding[] => [
  standing(status),
  ...(status.role === 'server' ? [guardian(status)] : []),
  log(status),
  admission(status),
  ...status.peers.map(peer),
  ...status.peers.flatMap((one) => jeopardy(one)),
  ...conditions(status),
  ...lostPaths(status),
  versions(status),
  deaths(status),
]

const standing = ({ role, lease, notDeciding, voter, version }: AgentStatus): Finding => {
  const what = 'agent'
  if (notDeciding !== null) return problem(what, `it decides nothing: ${notDeciding}`, 'docs/operations.md, "The log"')
  if (role === 'witness') return ok(what, `witness ${voter}, version ${version}`)
  return lease.held
    ? ok(what, `server ${voter}, version ${version}, holds a lease`)
    : problem(
        what,
        `server ${voter} holds no lease, so it runs nothing: ${lease.because}`,
        'read the reason; `baton status`',
      )
}

const guardian = ({ guardian: { running } }: AgentStatus): Finding =>
  running
    ? ok('guardian', 'it answers')
    : problem('guardian', 'none answers', 'see log/guardian.log below the state directory')

const log = ({ log: { reachable, leader, replicas } }: AgentStatus): Finding => {
  const behind = replicas.filter(({ current }) => !current).map(({ voter }) => voter)
  if (!reachable) return problem('log', 'it cannot be reached: nothing can be decided', 'start the other voters')
  if (leader === null) return warning('log', 'it has no leader now', 'an election takes 4 to 9 s: look again')
  return behind.length === 0
    ? ok('log', `leader ${leader}, all replicas current`)
    : warning('log', `behind, or gone: ${behind.join(', ')}`, 'start these voters, or look at their disks')
}

const admission = ({ notAdmitted }: AgentStatus): Finding =>
  notAdmitted.length === 0
    ? ok('stores of voters', 'all are those that were admitted')
    : problem(
        'stores of voters',
        `the word of ${notAdmitted.join(', ')} does not count: another store than the admitted one`,
        'if its disk was replaced: baton server readmit NAME',
      )

const heard = (at: number | null): boolean => at !== null && at < heardWithinMs
/** Any beat of the slowest configuration that makes sense is heard more often. */
const heardWithinMs = 10_000

const peer = ({ voter, heardMsAgo, echoMsAgo }: PeerStatus): Finding => {
  const what = `voter ${voter}`
  if (!heard(heardMsAgo))
    return problem(what, 'it is not heard on any path', 'is it on? is UDP of ports.heartbeat let through?')
  return heard(echoMsAgo)
    ? ok(what, `heard ${heardMsAgo} ms ago, and it hears us`)
    : problem(what, 'it is heard, but does not answer our beats', 'what we send is dropped: firewalls, one-way cuts')
}

const jeopardy = ({ voter, heardMsAgo, paths }: PeerStatus): readonly Finding[] => {
  if (!heard(heardMsAgo)) return []
  const what = `paths to ${voter}`
  const names = Object.keys(paths)
  const alive = names.filter((name) => heard(paths[name] ?? null))
  const dead = names.filter((name) => !alive.includes(name))
  const networks = alive.filter((name) => name !== 'nats')
  if (dead.length > 0)
    return [
      warning(
        what,
        `alive: ${alive.join(', ')}; silent: ${dead.join(', ')}${alive.length < 2 ? ': jeopardy' : ''}`,
        'repair it: with the last path, a healthy server cannot be told from a dead one',
      ),
    ]
  return networks.length < 2
    ? [warning(what, `alive: ${alive.join(', ')}, which is one cable`, 'configure a second network, or a serial cable')]
    : [ok(what, `alive: ${alive.join(', ')}`)]
}

const remedies: Readonly<Record<string, string>> = {
  watchdog: 'docs/watchdog.md',
  'clock-rate': 'see what slews that clock, or raise heartbeat.clockRateError',
  certificate: 'docs/operations.md, Certificates',
}

/** Of every server, as the log has it; of this one the doctor looks itself. */
const conditions = ({ voter, state }: AgentStatus): readonly Finding[] =>
  Object.values(state.servers.byName)
    .filter(({ name }) => String(name) !== String(voter))
    .flatMap(({ name, conditions: known }) =>
      Object.entries(known ?? {}).map(([condition, { because }]) =>
        warning(`${condition} of ${name}`, because, remedies[condition] ?? 'run baton doctor there'),
      ),
    )

const lostPaths = ({ state, clock }: AgentStatus): readonly Finding[] => {
  const lost = Object.values(state.servers.byName).flatMap(({ name, lostPaths: known, status }) =>
    status === 'up'
      ? Object.entries(known).flatMap(([other, paths]) =>
          paths.map((path) => `${name} does not hear ${other} on ${path}`),
        )
      : [],
  )
  const latest = latestLoss(state)
  const now = clock?.wall ?? latest?.at ?? 0
  const words =
    latest && `${latest.server} did not hear ${latest.peer} on ${latest.path} ${agoInWords(now - latest.at)}`
  const seen = `none is lost between any two voters; ${words === null ? 'none ever was' : `the last time ${words}`}`
  if (lost.length === 0 && latest !== null && now - latest.at < recentMs)
    return [warning('paths on the log', seen, 'baton alerts tells how often: a cable or switch that comes and goes')]
  return lost.length === 0
    ? [ok('paths on the log', seen)]
    : [warning('paths on the log', lost.join('; '), 'baton alerts tells since when')]
}

/** A path that was lost within this time may be lost again any moment. */
const recentMs = 3_600_000
const dayMs = 86_400_000

const latestLoss = ({ servers }: AgentStatus['state']) =>
  Object.values(servers.byName)
    .flatMap(({ name, lastLoss }) => (lastLoss ? [{ server: name, ...lastLoss }] : []))
    .toSorted((a, b) => b.at - a.at)[0] ?? null

const agoInWords = (ms: number): string =>
  ms < dayMs ? `${durationInWords(Math.max(0, ms))} ago` : `${Math.floor(ms / dayMs)} days ago`

/** Old and new software understand each other; new events on the log stop the decisions of old ones. */
const versions = ({ voter, version, peers }: AgentStatus): Finding => {
  const what = 'versions'
  const all = [{ voter, version }, ...peers.map((one) => ({ voter: one.voter, version: one.version ?? null }))]
  const known = all.flatMap((one) => (one.version === null ? [] : [`${one.voter} ${one.version}`]))
  const silent = all.filter((one) => one.version === null).map((one) => one.voter)
  const seen = `${known.join(', ')}${silent.length === 0 ? '' : `; not known of ${silent.join(', ')}`}`
  return new Set(all.flatMap((one) => one.version ?? [])).size > 1
    ? warning(what, seen, 'finish the upgrade: the same version on every voter, one after the other')
    : ok(what, seen)
}

/** Of our own processes, by the log: each was started again, but something ends them. */
const deaths = ({ state, clock }: AgentStatus): Finding => {
  const what = 'own processes'
  const all = Object.values(state.servers.byName).flatMap(({ name, deaths: known }) =>
    Object.entries(known ?? {}).flatMap(([process, times]) => {
      const recent = times.filter(({ at }) => clock === undefined || clock.wall - at < dayMs).length
      return recent === 0 ? [] : [`${process} of ${name} ${recent === 1 ? 'once' : `${recent} times`}`]
    }),
  )
  return all.length === 0
    ? ok(what, 'none died within a day')
    : warning(what, `died within a day: ${all.join(', ')}`, 'baton alerts says why; dmesg, whether memory ran out')
}

export const noAgentFinding = (because: string): Finding =>
  problem('agent', because, 'start it: systemctl start baton-agent, or baton-witness')
