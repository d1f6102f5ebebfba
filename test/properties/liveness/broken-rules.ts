/**
 * Rules of the design, broken on purpose by a wrapper around the product's own function: the model must see each.
 * What is too rare for a search by chance has scenes (`scenes.test.ts`) or specs (a forgotten support, a replaced store).
 */
import { type Support, whenSent } from '../../../src/decisions/liveness.ts'
import { type Event, type Instant, instant } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import type { Changes, Drift } from './machine.ts'
import { type Rules, theRules } from './rules.ts'

export type Broken = {
  /** What is wrong, as a sentence. */
  readonly what: string
  /** The rule of liveness.md. */
  readonly rule: string
  readonly rules: Partial<Rules>
  readonly drift?: Drift
  /** Without it, nothing changes on the living cluster. */
  readonly changes?: Changes
  readonly keep?: boolean
  /** What the model must find: two active servers, or no way on. */
  readonly sees: 'double' | 'stuck'
}

/** T changes every few seconds. */
/** Voters change every few seconds. */
const elections: Changes = { timing: 0, voters: 0.1 }
const often: Changes = { timing: 0.1, voters: 0 }
/** What a voter promised binds it whatever else it believes (rule 10), and would hide what these rules do. */
const withoutPromises: Partial<Rules> = {
  promise: (l) => l,
  readBack: (disk) => ({ ...disk, promised: { ms: 1, isComplete: true } }),
}
const releasing = (state: State): State => {
  const { current } = state.configuration
  if (current === null) return state
  const heartbeat = { ...current.heartbeat, onQuorumLoss: 'release' as const }
  return { ...state, configuration: { ...state.configuration, current: { ...current, heartbeat } } }
}
const never = Number.NEGATIVE_INFINITY as Instant
export const brokenRules: readonly Broken[] = [
  {
    what: 'a lease counts from the arrival of the echo, not from before the beat was sent',
    rule: '1',
    sees: 'double',
    rules: {
      hear: (l, beat, path, membership, now) => {
        const after = theRules.hear(l, beat, path, membership, now)
        const echo = beat.echoes[l.me]
        const isOurs = after !== l && echo?.incarnation === l.incarnation && whenSent(l, echo.number) !== null
        if (!isOurs || echo.promisedMs === null) return after
        return { ...after, grants: { ...after.grants, [beat.from]: { sentAt: now, promisedMs: echo.promisedMs } } }
      },
    },
  },
  {
    what: 'silence is measured for each generation by itself',
    rule: '2',
    sees: 'double',
    rules: {
      ...withoutPromises,
      supportsDue: (l, membership, store, now) => {
        const heard = Object.fromEntries(
          Object.entries(l.heard).map(([p, h]) => [
            p,
            h.generation < (membership.generations[p]?.generation ?? 0) ? { ...h, at: never } : h,
          ]),
        )
        return theRules.supportsDue({ ...l, heard }, membership, store, now)
      },
    },
  },
  {
    what: 'a voter that has just started measures silence from before its start',
    rule: '2',
    sees: 'double',
    rules: { ...withoutPromises, awaken: (...all) => ({ ...theRules.awaken(...all), since: never }) },
  },
  {
    what: 'a voter supports after half of the silence',
    rule: '2',
    sees: 'double',
    rules: {
      ...withoutPromises,
      supportsDue: (l, membership, store, now) =>
        theRules.supportsDue(
          { ...l, timing: { ...l.timing, timeoutMs: l.timing.timeoutMs * 0.55 } },
          membership,
          store,
          now,
        ),
    },
  },
  {
    what: 'a voter goes on granting what it has barred',
    rule: '3',
    sees: 'double',
    rules: { echoesOf: (l, ...rest) => theRules.echoesOf({ ...l, barred: {} }, ...rest) },
  },
  {
    what: 'an idle server is taken for one that has released',
    rule: '4',
    sees: 'double',
    rules: {
      hear: (l, beat, ...rest) =>
        theRules.hear(l, Object.keys(beat.groups).length > 0 ? beat : { ...beat, renounced: beat.generation }, ...rest),
    },
  },
  {
    what: 'a voter passes on that a server has released what it merely does not run',
    rule: '4',
    sees: 'double',
    rules: {
      passedOnBy: (l, { servers, generations }) =>
        Object.fromEntries(
          servers.flatMap((p) => {
            const [said, known] = [l.heard[p], generations[p]]
            const isIdle = said !== undefined && Object.keys(said.groups).length === 0
            return isIdle && known ? [[p, { incarnation: said.incarnation, renounced: known.generation }]] : []
          }),
        ),
    },
  },
  {
    what: 'a renunciation that is passed on counts for whatever generation is current',
    rule: '4',
    sees: 'double',
    rules: {
      supportsDue: (l, membership, store, now) => {
        const passedOn = Object.fromEntries(
          Object.entries(l.passedOn).map(([p, one]) => [
            p,
            { ...one, renounced: membership.generations[p]?.generation ?? one.renounced },
          ]),
        )
        const heard = Object.fromEntries(
          Object.entries(l.heard).map(([p, h]) => [
            p,
            { ...h, incarnation: passedOn[p]?.incarnation ?? h.incarnation },
          ]),
        )
        return theRules.supportsDue({ ...l, passedOn, heard }, membership, store, now)
      },
    },
  },
  {
    what: 'a group may start while the renunciation is being written',
    rule: '4',
    sees: 'double',
    rules: { giveUpLease: (l) => l, renouncingMs: [4000] },
  },
  {
    what: 'a lapsed server never renounces',
    rule: '5',
    sees: 'stuck',
    rules: { mayRenounce: () => null },
  },
  {
    what: 'a server renounces its new generation for the lapse of the one before',
    rule: '5',
    sees: 'stuck',
    rules: { isHadLeaseOfThisGeneration: () => true },
  },
  {
    what: 'supports of an older generation count',
    rule: '6',
    sees: 'double',
    rules: {
      supportersOf: (l, p, _, { voters }) =>
        voters.flatMap((voter) => {
          const support: Support | undefined = l.said[voter]?.supports[p]
          return support ? [{ voter, reason: support.reason }] : []
        }),
    },
  },
  {
    what: 'the log appends without compare-and-set',
    rule: '6',
    sees: 'double',
    rules: { isExpected: () => true },
  },
  {
    what: 'groups start, and run on, for a while without a lease',
    rule: '7b',
    sees: 'double',
    rules: { leasedUntil: (...all) => instant(theRules.leasedUntil(...all) + 3000) },
  },
  {
    what: 'a group moves in one step',
    rule: '8',
    sees: 'double',
    rules: {
      operate: (state, request, facts) => {
        const { events, ...rest } = theRules.operate(state, request, facts)
        const [first, ...others] = events.map(assignedAtOnce)
        return first ? { ...rest, events: [first, ...others] } : { ...rest, events }
      },
    },
  },
  {
    what: 'a server that nobody hears joins again and again',
    rule: '9',
    sees: 'stuck',
    rules: {
      joinServer: (state, wish) => theRules.joinServer(state, { ...wish, majority: 0 }),
      needsGeneration: (l, membership, hasBarrier, now) =>
        theRules.needsGeneration(l, membership, hasBarrier, now) ?? 'whatever',
    },
  },
  {
    what: 'a smaller T counts for supports while a larger one is promised',
    rule: '10',
    sees: 'double',
    changes: often,
    rules: { promise: (l) => l },
  },
  {
    what: 'a change of voters counts before every server has acknowledged it',
    rule: '10',
    sees: 'double',
    changes: elections,
    rules: {
      completeVoters: (state) => {
        const { change, voters } = state.configuration
        if (change === null) return null
        const data = { from: [...voters], voters: [...change.to] }
        return { events: [{ type: 'VotersChanged', data }], because: {}, causedBy: null }
      },
    },
  },
  {
    what: 'a server acknowledges new voters and goes on counting the old ones alone',
    rule: '10',
    sees: 'double',
    changes: elections,
    rules: { leasedUntil: (l, membership) => theRules.leasedUntil(l, { ...membership, change: null }) },
  },
  {
    what: 'the next voters alone decide on takeovers while the change is in flight',
    rule: '10',
    sees: 'double',
    changes: elections,
    rules: {
      electorateOf: (membership) => ({ ...membership, voters: membership.change?.to ?? membership.voters }),
      supportsDue: (l, membership, ...rest) =>
        theRules.supportsDue(l, { ...membership, voters: membership.change?.to ?? membership.voters }, ...rest),
    },
  },
  {
    what: 'a server that is up but holds no lease just now need not acknowledge',
    rule: '10',
    sees: 'double',
    changes: elections,
    rules: {
      completeVoters: (state) => {
        const acknowledged = state.configuration.change?.acknowledgedBy.length ?? 0
        const byName = Object.fromEntries(
          Object.entries(state.servers.byName).filter(([name]) =>
            acknowledged === 0 ? true : state.configuration.change?.acknowledgedBy.some((one) => one === name),
          ),
        )
        return theRules.completeVoters({ ...state, servers: { ...state.servers, byName } })
      },
    },
  },
  {
    what: 'a server that keeps what it runs is taken over without a fence',
    rule: '12',
    sees: 'double',
    keep: true,
    rules: { takeOver: (state, facts) => theRules.takeOver(releasing(state), facts) },
  },
  {
    what: 'a fence is taken for confirmed before the server is off',
    rule: '12',
    sees: 'double',
    keep: true,
    rules: {
      takeOver: (state, facts) => {
        const [due] = Object.values(state.fencing.pending)
        const outcome = { ok: true, level: 1, devices: [], ms: 0 } as const
        return due
          ? theRules.recordAttempt(state, { ...due, attempt: 1, outcome }, facts)
          : theRules.takeOver(state, facts)
      },
    },
  },
  {
    what: 'a server that keeps what it runs starts what it owns, too',
    rule: '12',
    sees: 'double',
    keep: true,
    rules: {
      standingOf: (state, group, at) => theRules.standingOf(state, group, { ...at, isLeased: true, hasBarrier: true }),
    },
  },
  {
    what: 'clocks drift and the release budget does not allow for it',
    rule: 'the inequality',
    sees: 'double',
    rules: {},
    drift: { clocks: 0.25, allowed: 0 },
  },
]

const assignedAtOnce = (event: Event): Event =>
  event.type === 'GroupStopping' && event.data.next
    ? { type: 'GroupAssigned', data: { group: event.data.group, ...event.data.next } }
    : event
