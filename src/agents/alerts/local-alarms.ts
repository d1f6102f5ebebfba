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
  /** What is to be told; null = it is not so. */
  readonly begun: () => Told | null
  readonly over: (lastedMs: number) => Told
}

export type LocalAlarmsOptions = {
  readonly alarms: readonly Alarm[]
  readonly state: () => State
  /** Opened for each alarm: they are rare. */
  readonly targets: () => readonly AlertTarget[]
  readonly trouble: (what: string, cause: unknown) => void
}

const lookMs = 500

export const localAlarms = (
  world: Pick<World, 'clock'>,
  { alarms, state, targets, trouble }: LocalAlarmsOptions,
): { readonly stop: () => void } => {
  const since = new Map<Alarm, number>()
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
    const begunAt = since.get(alarm)
    if (told !== null && begunAt === undefined) {
      since.set(alarm, world.clock.now())
      tell(told)
    } else if (told === null && begunAt !== undefined) {
      since.delete(alarm)
      tell(alarm.over(world.clock.now() - begunAt))
    }
  }
  const look = (): void => {
    for (const alarm of alarms) lookAt(alarm)
    cancel = world.clock.after(lookMs, look)
  }
  look()
  return { stop: () => cancel() }
}
