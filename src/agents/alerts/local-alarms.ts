/**
 * What cannot be written to the log, because the log or the majority is what is lost: told by this server at once, to
 * its own targets. What can be written later is; the two may tell of the same.
 */
import { type Alert, alertOf, type Told } from '../../projections/alerts.ts'
import type { State } from '../../projections/state.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { AlertTarget } from './target.ts'

/** Tells when it begins to be so, and when it is over. */
export type Alarm = {
  /** What is to be told; null = it is not so. Told again when its `level` changes while it lasts. */
  readonly begun: () => (Told & { readonly level?: string }) | null
  readonly over: (lastedMs: number) => Told
}

export type LocalAlarmsOptions = {
  readonly alarms: readonly Alarm[]
  readonly state: () => State
  /** Opened for each alarm: they are rare. */
  readonly targets: () => readonly AlertTarget[]
  readonly trouble: (what: string, cause: unknown) => void
}

export type LocalAlarms = {
  /** Something that is no state: it happened. */
  readonly tell: (told: Told) => void
  readonly stop: () => void
}

/** Nobody who is woken by an alarm misses the rest of a second. */
const lookMs = 1000

export const localAlarms = (
  world: Pick<World, 'clock'>,
  { alarms, state, targets, trouble }: LocalAlarmsOptions,
): LocalAlarms => {
  const known = new Map<Alarm, { readonly since: number; readonly level: string | null }>()
  let cancel: Cancel = () => {}

  const tell = (told: Told): void => {
    const alert: Alert = alertOf(told, { sequence: state().position.sequence, at: world.clock.wall() })
    for (const target of targets())
      void target
        .send([alert])
        .catch((cause: unknown) => trouble(`an alarm does not get to ${target.name}`, cause))
        .finally(target.close)
  }
  const lookAt = (alarm: Alarm): void => {
    const told = alarm.begun()
    const level = told?.level ?? null
    const before = known.get(alarm)
    if (told !== null && before?.level !== level) {
      known.set(alarm, { since: before?.since ?? world.clock.now(), level })
      tell(told)
    } else if (told === null && before !== undefined) {
      known.delete(alarm)
      tell(alarm.over(world.clock.now() - before.since))
    }
  }
  const look = (): void => {
    for (const alarm of alarms) lookAt(alarm)
    cancel = world.clock.after(lookMs, look)
  }
  look()
  return { tell, stop: () => cancel() }
}
