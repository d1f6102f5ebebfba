/** What every kind of monitor can do: one look, or being told. One adapter per file; no counting, no recovery here. */
import type { GroupName, MonitorConfiguration, MonitorName, ResourceName } from '../../events/index.ts'
import type { Cancel } from '../../world/world.ts'

export type MonitorContext<C extends MonitorConfiguration = MonitorConfiguration> = {
  readonly monitor: MonitorName
  readonly configuration: C
  readonly target: { readonly group: GroupName; readonly resource: ResourceName | null } | null
  readonly environment: Readonly<Record<string, string>>
  readonly logDirectory: string
  readonly instance: string
}

/** `because` is a sentence with the values seen. */
export type Sight = { readonly verdict: 'normal' | 'warning' | 'error' | 'unknown'; readonly because: string }

export type MonitorDriver<C extends MonitorConfiguration = MonitorConfiguration> = {
  /** One look. Never throws; the runner enforces the time-out through `signal`. */
  readonly look: (context: MonitorContext<C>, signal: AbortSignal) => Promise<Sight>
  /** Where the world tells by itself (death of a process, carrier lost): no waiting for the next poll. */
  readonly watch?: (context: MonitorContext<C>, seen: (sight: Sight) => void) => Cancel
}
