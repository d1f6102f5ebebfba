/**
 * NP resolution: when a peer falls silent, is it the peer that is gone, or this side that is cut off? Evidence in, a
 * verdict out; whoever asks decides what follows. In a quorum it only delays (liveness.md rule 11) and tells the losing
 * side what it is; in a pair it stands in for the missing voter, and is then a judgement, not a proof.
 */
import { type Instant, instant, type NpResolution } from '../events/index.ts'

/** One round of questions: when it was begun, and who answered. */
export type Round = { readonly at: Instant; readonly answered: readonly string[] }

/** What the path of a kind that belongs to the two servers alone tells. */
export type PathEvidence =
  /** A peer is heard on it: that peer is alive. */
  | 'hears'
  /** It works on this side, and nothing new comes from any peer. */
  | 'silent'
  /** This side itself cannot use it: the disk fails, the port is gone. */
  | 'broken'
  /** There is none, or nothing is known of it yet. */
  | 'unknown'

export type Evidence = {
  readonly now: Instant
  /** Null: could not be asked, or not yet. That is not the same as nobody answering. */
  readonly ping: Round | null
  readonly http: Round | null
  /** Voters heard within T, this one included when it votes, and how many are more than half. */
  readonly voters: { readonly heard: number; readonly majority: number }
  readonly com: PathEvidence
  readonly disk: PathEvidence
  /**
   * Since when, at the latest, that may be so no more: a peer counts as heard for T after its last beat, and a disk as usable
   * for a while after it has failed. Whoever takes this for the present goes on for so much too long.
   */
  readonly asOf: {
    /** When the last of those was heard that make a majority. */
    readonly majority: Instant | null
    /** When a peer was heard on it. */
    readonly com: Instant | null
    /** When this side began to write what is surely there. */
    readonly disk: Instant | null
    /** When the newest controller that answers was asked. */
    readonly bmc: Instant | null
  }
  /** Management controllers of other servers: one answers; none does; or none could be asked. */
  readonly bmc?: 'answers' | 'silent' | 'unknown'
}

export type Verdict = 'connected' | 'cut-off' | 'unknown'

export type Resolution = {
  readonly verdict: Verdict
  /** One per method that is configured, as people read them. */
  readonly reasons: readonly string[]
  /** What the verdict rests on was asked at this time or later; null where nothing is known. Who must know how things
   *  are *since* some moment (a peer's last beat) waits until this is later. */
  readonly asOf: Instant | null
}

type Answer = { readonly verdict: Verdict; readonly reason: string; readonly at: Instant | null }

/** Rounds of questions older than so many of their own are news no more. */
const roundsKept = 3

export const resolvePartition = (evidence: Evidence, configuration: NpResolution): Resolution => {
  const answers = [
    ...byPing(evidence, configuration),
    ...byHttp(evidence, configuration),
    ...byMajority(evidence, configuration),
    ...byPaths(evidence, configuration),
  ]
  if (answers.length === 0) return { verdict: 'unknown', reasons: ['no method is configured'], asOf: null }
  const [enough, otherwise] = order[configuration.rule]
  const times = (verdict: Verdict) => answers.flatMap((answer) => (answer.verdict === verdict ? [answer.at] : []))
  const reasons = answers.map(({ reason }) => reason)
  const has = (verdict: Verdict) => answers.some((answer) => answer.verdict === verdict)
  // One is enough, so the newest of them; but where all are needed, the oldest.
  if (has(enough)) return { verdict: enough, reasons, asOf: newestOf(times(enough)) }
  if (has('unknown')) return { verdict: 'unknown', reasons, asOf: null }
  return { verdict: otherwise, reasons, asOf: oldestOf(times(otherwise)) }
}

const newestOf = (times: readonly (Instant | null)[]): Instant | null => {
  const known = times.filter((at) => at !== null)
  return known.length === 0 ? null : instant(Math.max(...known))
}
const oldestOf = (times: readonly (Instant | null)[]): Instant | null =>
  times.some((at) => at === null) ? null : newestOf([instant(Math.min(...times.map((at) => at ?? 0)))])

/**
 * `any`: one that is connected is enough, and only if none may be is this side cut off. `all`: one that is cut off is
 * enough, and only if none may be is it connected. What is not known decides nothing.
 */
const order = { any: ['connected', 'cut-off'], all: ['cut-off', 'connected'] } as const

/** The groups of ping targets that are configured: `targets` is one of them. */
export const pingGroupsOf = ({ ping }: Pick<NpResolution, 'ping'>): readonly (readonly string[])[] => [
  ...(ping?.targets ? [ping.targets] : []),
  ...(ping?.groups ?? []),
]

const byPing = ({ now, ping: round }: Evidence, { ping }: NpResolution): readonly Answer[] => {
  if (ping === undefined) return []
  const groups = pingGroupsOf({ ping })
  const fresh = freshOf(round, ping, now)
  if (fresh === null) return [{ verdict: 'unknown', reason: 'ping: not known yet', at: null }]
  const answering = groups.filter((group) => group.some((target) => fresh.answered.includes(target)))
  const isConnected = isEnough(answering.length, groups.length, ping.rule)
  const what = groups.length === 1 ? 'its group' : `${answering.length} of ${groups.length} groups`
  const reason =
    answering.length === 0 ? 'ping: no target answers' : `ping: ${what} answers (${fresh.answered.join(', ')})`
  return [{ verdict: isConnected ? 'connected' : 'cut-off', reason, at: fresh.at }]
}

const byHttp = ({ now, http: round }: Evidence, { http }: NpResolution): readonly Answer[] => {
  if (http === undefined) return []
  const fresh = freshOf(round, http, now)
  if (fresh === null) return [{ verdict: 'unknown', reason: 'http: not known yet', at: null }]
  const answered = http.urls.filter((url) => fresh.answered.includes(url))
  const isConnected = isEnough(answered.length, http.urls.length, http.rule)
  const reason =
    answered.length === 0 ? 'http: no server answers' : `http: ${answered.length} of ${http.urls.length} servers answer`
  return [{ verdict: isConnected ? 'connected' : 'cut-off', reason, at: fresh.at }]
}

const byMajority = ({ now, voters, asOf }: Evidence, { majority }: NpResolution): readonly Answer[] => {
  if (!majority) return []
  const isConnected = voters.heard >= voters.majority
  const reason = `majority: ${voters.heard} voters heard, ${voters.majority} are a majority`
  return [{ verdict: isConnected ? 'connected' : 'cut-off', reason, at: isConnected ? asOf.majority : now }]
}

const byPaths = (
  { now, com, disk, asOf, bmc = 'unknown' }: Evidence,
  configuration: NpResolution,
): readonly Answer[] => [
  ...(configuration.com ? [byCable(com, asOf.com)] : []),
  ...(configuration.disk ? [byDisk(disk, asOf.disk, now)] : []),
  ...(configuration.bmc ? [byController(bmc, asOf.bmc)] : []),
]

/** A silent cable proves nothing: it may be the peer, the cable, or the port at its other end. */
const byCable = (com: PathEvidence, at: Instant | null): Answer => {
  switch (com) {
    case 'hears':
      return { verdict: 'connected', reason: 'com: a peer is heard', at }
    case 'silent':
      return { verdict: 'unknown', reason: 'com: no peer is heard, which a broken cable would do as well', at: null }
    case 'broken':
      return { verdict: 'unknown', reason: 'com: the port cannot be used', at: null }
    case 'unknown':
      return { verdict: 'unknown', reason: 'com: not known yet', at: null }
    default:
      return com satisfies never
  }
}

/** A disk that works here, and on which the peer writes no more, is a peer that has stopped. */
const byDisk = (disk: PathEvidence, at: Instant | null, now: Instant): Answer => {
  switch (disk) {
    case 'hears':
      return { verdict: 'connected', reason: 'disk: a peer is heard', at }
    case 'silent':
      return { verdict: 'connected', reason: 'disk: it works here, and no peer writes on it', at }
    case 'broken':
      return { verdict: 'cut-off', reason: 'disk: it cannot be used here', at: now }
    case 'unknown':
      return { verdict: 'unknown', reason: 'disk: not known yet', at: null }
    default:
      return disk satisfies never
  }
}

/** A silent one may have lost its power with its machine, or its network, or it is us: that decides nothing. */
const byController = (bmc: NonNullable<Evidence['bmc']>, at: Instant | null): Answer =>
  bmc === 'answers'
    ? { verdict: 'connected', reason: 'bmc: a controller answers', at }
    : { verdict: 'unknown', reason: `bmc: ${bmc === 'silent' ? 'no controller answers' : 'not known yet'}`, at: null }

const isEnough = (count: number, of: number, rule: 'any' | 'all'): boolean =>
  rule === 'any' ? count > 0 : count === of

const freshOf = (
  round: Round | null,
  { interval, timeout }: { readonly interval: number; readonly timeout: number },
  now: Instant,
): Round | null => (round !== null && now - round.at <= roundsKept * (interval + timeout) ? round : null)
