/** One metric: what it is called and means, and how it is read from what this voter knows. */
import type { AlertSinkStatus } from '../alerts/sink.ts'
import type { AgentStatus } from '../control-protocol.ts'

/** All of it is in memory: nobody is asked, nothing is waited for. */
export type Seen = {
  readonly status: AgentStatus
  readonly quorum: { readonly voters: number; readonly heard: number; readonly majority: number }
  /** By server that is up: how many voters support its removal. */
  readonly supports: Readonly<Record<string, number>>
  readonly certificateDays: number | null
  /** Groups that run here, or may. */
  readonly held: readonly string[]
  /** Null where alerts of the log are not sent, as on a witness. */
  readonly alerts: AlertSinkStatus | null
}

/** Values of the labels, in their order, and the value; null: there is none. */
export type Measured = readonly [labels: readonly string[], value: number | boolean | null]

export type Metric = {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  /** One line. */
  readonly help: string
  readonly labels: readonly string[]
  readonly read: (seen: Seen) => readonly Measured[]
}

/** A metric without labels. */
export const single = (
  name: string,
  help: string,
  value: (seen: Seen) => number | boolean | null,
  type: Metric['type'] = 'gauge',
): Metric => ({ name, type, help, labels: [], read: (seen) => [[[], value(seen)]] })

/** One of several states: a sample for each of them, and 1 for the one that it is. */
export const stateOf = (
  labels: readonly string[],
  all: readonly string[],
  current: string | null,
): readonly Measured[] => all.map((state) => [[...labels, state], state === current])

export const seconds = (ms: number | null | undefined): number | null => (ms == null ? null : ms / 1000)
