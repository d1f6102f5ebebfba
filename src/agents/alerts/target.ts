/** Somewhere that alerts go. */
import type { Alert } from '../../projections/alerts.ts'

export type AlertTarget = {
  /** For people: `file`, `syslog`. */
  readonly name: string
  /** Ends within seconds, whatever is the matter. @throws AlertNotSent */
  readonly send: (alerts: readonly Alert[]) => Promise<void>
  readonly close: () => void
}

/** Some of the alerts did not get there; they are not sent again, since some may have. */
export class AlertNotSent extends Error {
  override readonly name = 'AlertNotSent'
}
