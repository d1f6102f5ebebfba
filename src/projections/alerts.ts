/** Alerts: what of the log deserves a person's eye, in words. They follow from events alone, so replay tells the same. */
import { Immer } from 'immer'
import {
  type ByStream,
  byStream,
  type Event,
  type Recorded,
  type Sequence,
  type VoterName,
  type WallTime,
} from '../events/index.ts'
import { catalogue, type MessageName, type Module, type Severity, textOf } from './alert-catalogue.ts'
import { tellCluster, tellOperation } from './alerts-of-cluster.ts'
import { tellFencing } from './alerts-of-fencing.ts'
import { tellGroup, tellResource } from './alerts-of-groups.ts'
import { tellMirror } from './alerts-of-mirrors.ts'
import { tellMonitor } from './alerts-of-monitors.ts'
import { tellServer } from './alerts-of-servers.ts'
import type { Moment } from './servers.ts'
import { foldInPlace, type State } from './state.ts'

export type Alert = {
  readonly module: Module
  readonly id: number
  readonly severity: Severity
  /** One line. */
  readonly message: string
  /** Wall clock of the commit. */
  readonly at: WallTime
  /** The server it is about; null = the cluster as a whole. */
  readonly server: VoterName | null
  readonly sequence: Sequence
}

/** One thing to say: a message, the server it is about and the values of its text. */
export type Told = {
  readonly name: MessageName
  readonly server: VoterName | null
  readonly values: readonly string[]
}

/** What one event changed. */
export type Scene = { readonly before: State; readonly after: State; readonly moment: Moment }

/**
 * The alerts of one commit. Total, like the reducers, and in step with them: an event that changes nothing, because it
 * is late or contradicts, tells nothing but the contradiction.
 */
export const alertsOf = (recorded: Recorded, before: State): readonly Alert[] => readCommit(recorded, before).alerts

/** The alerts of consecutive commits, those after `cursor` only. Neither changes nor freezes the state. */
export const alertsAfter = (
  cursor: Sequence,
  { commits, before }: { readonly commits: readonly Recorded[]; readonly before: State },
): readonly Alert[] => {
  const old = commits.filter(({ position }) => position.sequence <= cursor)
  if (old.length === commits.length) return []
  let state = step(before, old)
  return commits.slice(old.length).flatMap((recorded) => {
    const { alerts, after } = readCommit(recorded, state)
    state = after
    return alerts
  })
}

const readCommit = (
  recorded: Recorded,
  before: State,
): { readonly alerts: readonly Alert[]; readonly after: State } => {
  const { position, commit } = recorded
  const moment = { sequence: position.sequence, at: commit.at, by: commit.by }
  const alerts: Alert[] = []
  let state = before
  for (const event of commit.events) {
    // One by one: an event may already speak of what the one before it in the same commit did.
    const after = step(state, [{ ...recorded, commit: { ...commit, events: [event] } }])
    for (const told of tell(event, { before: state, after, moment })) alerts.push(alertOf(told, moment))
    state = after
  }
  return { alerts, after: state }
}

/** Freezes nothing: whoever reads a log for its alerts may fold the same state in place. */
const { produce } = new Immer({ autoFreeze: false })

const step = (state: State, commits: readonly Recorded[]): State =>
  produce(state, (draft) => foldInPlace(draft, commits))

export const alertOf = (
  { name, server, values }: Told,
  { sequence, at }: { readonly sequence: Sequence; readonly at: WallTime },
): Alert => {
  const { module, id, severity } = catalogue[name]
  return { module, id, severity, message: textOf(name, values), at, server, sequence }
}

const tell = (event: Event, scene: Scene): readonly Told[] => {
  const { before, after } = scene
  // The fold found fault with it: that is what there is to say.
  const anomaly = after.anomalies === before.anomalies ? undefined : after.anomalies.at(-1)
  const contradiction: readonly Told[] = anomaly ? [{ name: 'anomaly', server: null, values: [anomaly.what] }] : []
  if (event.type === 'UnknownEvent')
    return before.watching ? [] : [{ name: 'newerEvent', server: null, values: [event.data.was] }]
  // A group that was given away twice is given away all the same; everything else that contradicts has no effect.
  const hasEffect = event.type === 'GroupAssigned' && Object.hasOwn(before.groups, event.data.group)
  if (anomaly && !hasEffect) return contradiction
  return [...contradiction, ...byStream(event, tellings, scene)]
}

/** What there is to tell of the events of each stream. */
const tellings: ByStream<Scene, readonly Told[]> = {
  cluster: tellCluster,
  server: tellServer,
  group: tellGroup,
  resource: tellResource,
  monitor: tellMonitor,
  operator: tellOperation,
  fencing: tellFencing,
  mirror: tellMirror,
}
