/** Stream `monitor`: what monitors saw, and what recovery followed or did not. */
import { z } from 'zod'
import type { FactOf } from './fact.ts'
import { decode } from './ids.ts'

export const monitorVerdict = z.enum(['normal', 'warning', 'error', 'unknown', 'suspended', 'offline'])
export type MonitorVerdict = z.infer<typeof monitorVerdict>

const where = { monitor: decode.monitor, server: decode.server }

export const monitorEvents = {
  /** `starved`: the machine itself was short of time while the probe ran. */
  MonitorVerdictChanged: z.object({
    ...where,
    verdict: monitorVerdict,
    because: z.string(),
    elapsedMs: z.number(),
    starved: z.boolean(),
  }),
  /** Delay warning: the probe needed more than the delay-warning rate of its time-out. */
  MonitorDelayed: z.object({ ...where, elapsedMs: z.number(), timeoutMs: z.number() }),
  /** One rung of the recovery ladder is taken; `count` of `limit`. */
  RecoveryStarted: z.object({
    ...where,
    group: decode.group.nullable(),
    action: z.enum(['script', 'restart', 'failover', 'final']),
    count: z.number().int(),
    limit: z.number().int(),
    because: z.string(),
  }),
  /** A non-action: no recovery, because. */
  RecoverySuppressed: z.object({ ...where, because: z.string() }),
  RecoveryCountsReset: z.object({ ...where }),
  /** `server` null = on every server. */
  MonitorSuspended: z.object({ monitor: decode.monitor, server: decode.server.nullable() }),
  MonitorResumed: z.object({ monitor: decode.monitor, server: decode.server.nullable() }),
  /** Practice: the monitor reports an error although there is none. */
  DummyFailureEnabled: z.object({ monitor: decode.monitor, server: decode.server.nullable() }),
  DummyFailureDisabled: z.object({ monitor: decode.monitor, server: decode.server.nullable() }),
}
export type MonitorEvent = FactOf<typeof monitorEvents>
