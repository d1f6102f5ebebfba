/** What became of the lease of this server: when it was lost, what ran then, how long it took to be off. */
import type { Event, Generation, GroupName, Instant, ServerName } from '../../events/index.ts'
import type { ResourceRunner } from '../resource-runner.ts'

export type LeaseWatchParts = {
  readonly me: ServerName
  /** Tells of a lease that an earlier agent of this server lost. */
  readonly guardian: { readonly lost: LostLease | null }
  readonly runner: Pick<ResourceRunner, 'observed' | 'isAllOff'>
  /** Its generation on the log. */
  readonly generation: () => Generation
  readonly hasBarrier: () => boolean
  /** What it gave away by its own word was not lost. */
  readonly renouncing: () => Generation
  /** Rule 12: what runs goes on. */
  readonly keeps: () => boolean
  readonly note: (event: Event) => void
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
}

export type LeaseWatch = {
  /** With every turn of the loop. */
  readonly look: (isLeased: boolean, now: Instant) => void
  /** As it was at the latest look. */
  readonly isHeld: () => boolean
  /** For how long it has been gone, by this agent or an earlier one of which the guardian tells; null = it is held, or never was. */
  readonly lostMs: (now: Instant) => number | null
  /** Rule 5 asks about the current generation: one that was held under it is over. */
  readonly hasLapsedUnder: (generation: Generation) => boolean
}

/** A lease that ended: when, what ran then, and since when all of it has been off; null = not yet. */
export type LostLease = {
  readonly at: Instant
  readonly groups: readonly GroupName[]
  readonly offAt: Instant | null
}

export const leaseWatch = ({
  me,
  guardian,
  runner,
  generation,
  hasBarrier,
  renouncing,
  keeps,
  note,
  say,
}: LeaseWatchParts): LeaseWatch => {
  let isHeld = false
  let heldUnder: Generation | null = null
  let lost = guardian.lost
  if (lost !== null)
    say('the lease of an earlier agent ended, and its guardian took down what ran', { groups: lost.groups })

  const ended = (now: Instant): LostLease => {
    const groups = new Set(runner.observed().flatMap(({ group, condition }) => (condition === 'off' ? [] : [group])))
    say(
      keeps() ? 'the lease ended: going on with what runs, starting nothing' : 'the lease ended: releasing everything',
      {
        groups: [...groups],
      },
    )
    return { at: now, groups: [...groups], offAt: null }
  }
  const tell = ({ at, groups, offAt }: LostLease, now: Instant): void => {
    const lostBy = { server: me, generation: generation() }
    if (keeps() && offAt === null && groups.length > 0)
      note({ type: 'QuorumLossOutlived', data: { ...lostBy, keptMs: Math.round(now - at), groups: [...groups] } })
    else
      note({ type: 'LeaseLost', data: { ...lostBy, releasedMs: Math.round((offAt ?? now) - at), groups: [...groups] } })
  }
  return {
    look: (isLeased, now) => {
      const isGiven = heldUnder !== null && renouncing() >= heldUnder
      if (isHeld && !isLeased && !isGiven) lost = ended(now)
      if (lost && lost.offAt === null && runner.isAllOff()) lost = { ...lost, offAt: now }
      if (isLeased && lost && hasBarrier()) {
        tell(lost, now)
        lost = null
      }
      if (isLeased) heldUnder = generation()
      isHeld = isLeased
    },
    isHeld: () => isHeld,
    lostMs: (now) => (isHeld || lost === null ? null : now - lost.at),
    hasLapsedUnder: (current) => lost !== null && heldUnder === current,
  }
}
