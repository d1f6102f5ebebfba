/** What every log must say after every test, whatever was done to the cluster. */
import type { Event, Recorded } from '../../../src/events/index.ts'
import { fold, initialState, type State } from '../../../src/projections/state.ts'

export type LogFinding = { readonly sequence: number; readonly what: string }

/** Everything on a log that must never be there: anomalies, two owners, work done under somebody else's ownership. */
export const findingsIn = (commits: readonly Recorded[]): readonly LogFinding[] => {
  const findings: LogFinding[] = []
  let state = initialState
  for (const one of commits) {
    const before = state
    state = fold(state, [one])
    const say = (what: string) => findings.push({ sequence: one.position.sequence, what })
    if (one.position.sequence !== before.position.sequence + 1) say(`follows ${before.position.sequence}`)
    for (const fault of twoOwners(before, one)) say(fault)
  }
  return [...state.anomalies, ...findings]
}

/** The server whose groups may be given away from this event on; one that is to be fenced first is none. */
const provenOff = (event: Event, companions: readonly Event[]): string | null => {
  switch (event.type) {
    case 'ServerDeclaredDown': {
      const { server } = event.data
      const waits = companions.some((one) => one.type === 'FencingRequested' && one.data.server === server)
      return waits ? null : server
    }
    case 'ServerLeft':
    case 'FencingConfirmed':
    case 'FencingConfirmedByOperator':
    case 'FencingUnneeded':
    case 'FencingForgone':
      return event.data.server
    default:
      return null
  }
}

/** Reads the events themselves, not the projection: it could be wrong in the same way as what it projects. */
const twoOwners = (before: State, { commit }: Recorded): readonly string[] => {
  const faults: string[] = []
  const freed = new Set<string>()
  for (const event of commit.events) {
    if (event.type === 'GroupStopped') freed.add(event.data.group)
    const gone = provenOff(event, commit.events)
    if (gone !== null)
      for (const { name, ownership } of Object.values(before.groups))
        if (ownership.status === 'assigned' && ownership.server === gone) freed.add(name)
    if (event.type === 'GroupAssigned') {
      const { group, server } = event.data
      const ownership = before.groups[group]?.ownership
      if (ownership?.status === 'assigned' && !freed.has(group))
        faults.push(`${group} given to ${server} while ${ownership.server} owns it`)
    }
    if (event.type === 'ActivationStarted' || event.type === 'ResourceActivated') {
      const { group, resource, epoch } = event.data
      const ownership = before.groups[group]?.ownership
      const isLate = ownership?.status === 'assigned' && epoch < ownership.epoch
      const isOwners =
        ownership?.status === 'assigned' && ownership.epoch === epoch && commit.by === `server:${ownership.server}`
      if (!isOwners && !isLate) faults.push(`${commit.by} did ${event.type} of ${resource} without owning ${group}`)
    }
  }
  return faults
}
