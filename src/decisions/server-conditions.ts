/** What is not as it should be on a server, though nothing has failed yet: recorded when it begins, changes and ends. */
import type { Event, ServerCondition, ServerName } from '../events/index.ts'
import { serverOf } from '../projections/servers.ts'
import type { State } from '../projections/state.ts'
import { isRateExceeded } from './clock-rate.ts'
import { type Decision, together } from './decision.ts'
import { watchdogDevice } from './watchdog.ts'

export type ConditionFacts = {
  /** Null until something is known of it. */
  readonly watchdog: { readonly armed: boolean; readonly because: string } | null
  readonly rateErrorPercent: number | null
  /** Null where it cannot be told. */
  readonly certificateDays: number | null
}

type Found = { readonly level: string; readonly because: string }
type Conditions = Readonly<Partial<Record<ServerCondition, Found>>>

/** Each of these is worth an alert of its own. */
const certificateLevels = [0, 1, 7, 14, 30, 90] as const

/** `level` changes when it is news again; `because` may say more, and is not compared. */
export const conditionsOf = (state: State, me: ServerName, facts: ConditionFacts): Conditions => {
  const { current } = state.configuration
  const { watchdog, rateErrorPercent, certificateDays } = facts
  const isAsked = current !== null && (watchdogDevice(current, me) !== null || current.watchdog.required)
  const level = certificateLevels.find((days) => (certificateDays ?? Number.POSITIVE_INFINITY) <= days)
  const allowed = current?.heartbeat.clockRateError
  return {
    ...(isAsked && watchdog && !watchdog.armed && { watchdog: { level: 'none', because: watchdog.because } }),
    ...(allowed !== undefined &&
      rateErrorPercent !== null &&
      isRateExceeded(rateErrorPercent, allowed) && {
        'clock-rate': {
          level: 'exceeded',
          because: `${rateErrorPercent.toFixed(2)} % measured, ${allowed} % allowed (heartbeat.clockRateError)`,
        },
      }),
    ...(level !== undefined && {
      certificate: {
        level: String(level),
        because: level === 0 ? 'it has ended' : `it ends within ${level} ${level === 1 ? 'day' : 'days'}`,
      },
    }),
  }
}

export const reportConditions = (state: State, me: ServerName, facts: ConditionFacts): Decision | null => {
  const known = serverOf(state.servers, me).conditions ?? {}
  const now = conditionsOf(state, me, facts)
  const kinds: readonly ServerCondition[] = ['watchdog', 'clock-rate', 'certificate']
  const events = kinds.flatMap((condition): Event[] => {
    const found = now[condition]
    if (found === undefined) {
      const isOver = condition in known && isKnown(condition, facts)
      return isOver ? [{ type: 'ServerConditionEnded', data: { server: me, condition } }] : []
    }
    if (known[condition]?.level === found.level) return []
    return [{ type: 'ServerConditionFound', data: { server: me, condition, ...found } }]
  })
  return together(events, {}, null)
}

/** What nobody has looked at yet has not ended. */
const isKnown = (condition: ServerCondition, facts: ConditionFacts): boolean =>
  condition === 'watchdog'
    ? facts.watchdog !== null
    : condition === 'clock-rate'
      ? facts.rateErrorPercent !== null
      : facts.certificateDays !== null
