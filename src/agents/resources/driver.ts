/** What every kind of group resource can do. One adapter per file; drivers act and report, they decide nothing. */
import type { Epoch, GroupName, ResourceConfiguration, ResourceName } from '../../events/index.ts'
import type { Cancel } from '../../world/world.ts'

/** Everything a driver is told about one resource of one ownership. */
export type ResourceContext<C extends ResourceConfiguration = ResourceConfiguration> = {
  readonly group: GroupName
  readonly resource: ResourceName
  readonly epoch: Epoch
  readonly configuration: C
  /** CLP_* and BATON_* of groups-and-recovery.md, ready for scripts. */
  readonly environment: Readonly<Record<string, string>>
  /** Where output logs of this server go. */
  readonly logDirectory: string
  /** Distinguishes the clusters and servers of one machine: part of process tags. */
  readonly instance: string
}

/** `because` is a sentence for the log and for people. `stalled`: no end within the time-out. */
export type Outcome =
  | { readonly ok: true; readonly detail?: string }
  | { readonly ok: false; readonly because: string; readonly stalled: boolean }

/**
 * All three are idempotent: activating what is on and deactivating what is off are successes. They honour `signal`
 * (cancelled: undo or finish quickly, answer `ok: false`), never throw for trouble of the world, and end within their
 * time-out whatever the world does.
 */
export type ResourceDriver<C extends ResourceConfiguration = ResourceConfiguration> = {
  readonly activate: (context: ResourceContext<C>, limit: Limit) => Promise<Outcome>
  /** `urgent`: the lease is ending; no stop script, no patience: kill, take down, at once. Also cleans up halves. */
  readonly deactivate: (context: ResourceContext<C>, limit: StopLimit) => Promise<Outcome>
  /** What is true on this machine now, whoever made it so. `partial`: neither wholly on nor wholly off. */
  readonly probe: (context: ResourceContext<C>, limit: Limit) => Promise<'on' | 'off' | 'partial'>
  /** Where the world tells by itself: calls `lost` once when an active resource is gone. */
  readonly watch?: (context: ResourceContext<C>, lost: (because: string) => void) => Cancel
}
export type StopLimit = Limit & { readonly urgent: boolean }
export type Limit = { readonly timeoutMs: number; readonly signal: AbortSignal }
