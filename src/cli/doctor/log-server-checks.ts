/** What the log servers say: version, sync, clocks. */
import type { LogServerReport } from '../../events/jetstream-servers.ts'
import { type Finding, lasting, ok, problem, unknown, warning } from './finding.ts'

/** The oldest whose JetStream does all that the log rests on. */
const leastVersion = [2, 12] as const
/** People read times of several servers side by side; nothing is decided by them. */
const wallApartMs = 1000

export type LogServerFacts = {
  readonly reports: readonly LogServerReport[] | { readonly trouble: string }
  /** Voters that keep the log, by the kit. */
  readonly keepers: readonly string[]
}

export const logServerChecks = ({ reports, keepers }: LogServerFacts): readonly Finding[] => {
  if ('trouble' in reports)
    return [problem('log servers', reports.trouble, 'see nats/log-server.log below the state directory')]
  const missing = keepers.filter((name) => !reports.some((report) => report.name === name))
  return [
    missing.length === 0
      ? ok('log servers', `all answer: ${reports.map(({ name, version }) => `${name} ${version}`).join(', ')}`)
      : problem(
          'log servers',
          `no answer from ${missing.join(', ')}`,
          'start them; are their ports let through? ops/firewall.md',
        ),
    version(reports),
    sync(reports),
    walls(reports),
    certificates(reports),
  ]
}

const version = (reports: readonly LogServerReport[]): Finding => {
  const old = reports.filter(({ version: text }) => isOlder(text))
  if (old.length > 0)
    return problem(
      'nats-server',
      `too old: ${old.map(({ name, version: text }) => `${name} has ${text}`).join(', ')}`,
      `install ${leastVersion.join('.')} or newer, one voter at a time`,
    )
  return new Set(reports.map(({ version: text }) => text)).size > 1
    ? warning('nats-server', 'versions differ', 'finish the upgrade')
    : ok('nats-server', `${leastVersion.join('.')} or newer everywhere`)
}

const isOlder = (text: string): boolean => {
  const [major = 0, minor = 0] = text.split('.').map(Number)
  return major < leastVersion[0] || (major === leastVersion[0] && minor < leastVersion[1])
}

const sync = (reports: readonly LogServerReport[]): Finding => {
  const lazy = reports.filter(({ syncsAlways }) => !syncsAlways).map(({ name }) => name)
  return lazy.length === 0
    ? ok('sync of the log', 'every commit is on disk before it is acknowledged')
    : problem(
        'sync of the log',
        `${lazy.join(', ')} acknowledges commits that are not on disk yet`,
        'sync_interval must be always: restart these log servers with Baton’s own configuration',
      )
}

/** Of voters that keep the log, this one included: the doctor need not be run on each for it. */
const certificates = (reports: readonly LogServerReport[]): Finding => {
  const what = 'certificates of voters'
  const known = reports.flatMap(({ name, certificateEnds, heardAt }) =>
    certificateEnds === null ? [] : [{ name, days: Math.floor((certificateEnds - heardAt) / dayMs) }],
  )
  if (known.length === 0) return unknown(what, 'no log server says when its own ends')
  const days = Math.min(...known.map((one) => one.days))
  const seen = known.map((one) => `${one.name} ${one.days < 0 ? 'ended' : `in ${one.days} days`}`).join(', ')
  return lasting(what, seen, days)
}
const dayMs = 86_400_000

const walls = (reports: readonly LogServerReport[]): Finding => {
  const offsets = reports.map(({ wall, heardAt }) => wall - heardAt)
  if (offsets.length < 2) return unknown('wall clocks', 'nobody to compare with')
  const apartMs = Math.max(...offsets) - Math.min(...offsets)
  const seen = `at most ${apartMs < 100 ? 'some ms' : `${(apartMs / 1000).toFixed(1)} s`} apart`
  return apartMs <= wallApartMs
    ? ok('wall clocks', seen)
    : warning('wall clocks', seen, 'nothing is decided by them, but people read them: run NTP everywhere')
}
