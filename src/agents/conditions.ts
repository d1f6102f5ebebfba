/** Looks, now and then, at what could become trouble on this machine: the rate of its clock, its certificate. */
import { X509Certificate } from 'node:crypto'
import { type ClockReading, rateErrorPercent, withReading } from '../decisions/clock-rate.ts'
import type { ConditionFacts } from '../decisions/server-conditions.ts'
import type { Cancel, World } from '../world/world.ts'
import type { GuardianLink } from './guardian/guardian-link.ts'

export type ConditionWatch = {
  /** In percent, over the last minutes; null until it is known. */
  readonly rateErrorPercent: () => number | null
  /** Whole days until the certificate ends, negative once it has; null where it cannot be told. */
  readonly certificateDays: () => number | null
  readonly stop: Cancel
}

/** Two system calls each time: nothing beside a beat. */
const readingMs = 10_000
const dayMs = 86_400_000

export const conditionWatch = (world: World, { certificate }: { readonly certificate: string }): ConditionWatch => {
  let readings: readonly ClockReading[] = []
  let cancel: Cancel = () => {}
  const ends = endOf(certificate)
  const read = (): void => {
    const { raw, now } = world.clock
    if (raw === undefined) return
    readings = withReading(readings, { monotonic: now(), raw: raw() })
    cancel = world.clock.after(readingMs, read)
  }
  read()
  return {
    rateErrorPercent: () => rateErrorPercent(readings),
    certificateDays: () => (ends === null ? null : Math.floor((ends - world.clock.wall()) / dayMs)),
    stop: () => cancel(),
  }
}

export const conditionFacts = ({
  guardian,
  conditions,
}: {
  readonly guardian: Pick<GuardianLink, 'watchdog'>
  readonly conditions?: ConditionWatch
}): ConditionFacts => ({
  watchdog: guardian.watchdog(),
  rateErrorPercent: conditions?.rateErrorPercent() ?? null,
  certificateDays: conditions?.certificateDays() ?? null,
})

/** When a certificate ends, in ms of the wall clock; null when it is none. */
export const endOf = (pem: string): number | null => {
  try {
    return new X509Certificate(pem).validToDate.getTime()
  } catch {
    return null
  }
}
