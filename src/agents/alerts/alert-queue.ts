/** Alerts that wait to be sent: bounded, and honest about those that found no room. */
import { type Alert, alertOf } from '../../projections/alerts.ts'

export type AlertQueue = {
  /** Takes what there is room for; whoever reads the log never waits for those that send. */
  readonly add: (alerts: readonly Alert[]) => void
  /** The oldest, at most `limit`; they stay until removed. */
  readonly oldest: (limit: number) => readonly Alert[]
  readonly remove: (count: number) => void
  readonly length: () => number
  /** How many found no room, ever. */
  readonly dropped: () => number
}

export const alertQueue = (limit: number): AlertQueue => {
  const waiting: Alert[] = []
  let dropped = 0
  /** Those since the last that found room: told of, in their place, as soon as there is room again. */
  let missing: { readonly count: number; readonly last: Alert } | null = null

  const tellMissing = (): void => {
    if (missing === null || waiting.length >= limit) return
    waiting.push(alertOf({ name: 'alertsDropped', server: null, values: [String(missing.count)] }, missing.last))
    missing = null
  }
  return {
    add: (alerts) => {
      for (const alert of alerts) {
        tellMissing()
        if (waiting.length < limit) waiting.push(alert)
        else {
          missing = { count: (missing?.count ?? 0) + 1, last: alert }
          dropped += 1
        }
      }
    },
    oldest: (most) => waiting.slice(0, most),
    remove: (count) => {
      waiting.splice(0, count)
      tellMissing()
    },
    length: () => waiting.length,
    dropped: () => dropped,
  }
}
