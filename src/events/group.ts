/** Stream `group`: which server may run which group, and how that went. */
import { z } from 'zod'
import type { FactOf } from './fact.ts'
import { decode } from './ids.ts'

/** Why a group is to stop: becomes CLP_FACTOR of the stop scripts. */
export const stopFactor = z.enum([
  'CLUSTERSHUTDOWN',
  'SERVERSHUTDOWN',
  'GROUPSTOP',
  'GROUPMOVE',
  'GROUPFAILOVER',
  'GROUPRESTART',
])
export type StopFactor = z.infer<typeof stopFactor>

/** Why a group was given to a server. */
export const assignReason = z.enum(['startup', 'start', 'move', 'failover', 'failback', 'restart'])
export type AssignReason = z.infer<typeof assignReason>

/** What was found about one server when a place for a group was looked for. */
export const verdict = z.object({
  server: decode.server,
  fit: z.enum(['chosen', 'fit', 'unfit']),
  because: z.string(),
})
export type Verdict = z.infer<typeof verdict>

export const groupEvents = {
  /** Whether the group should run at all: an operator's word, or the startup attribute's. */
  GroupWanted: z.object({
    group: decode.group,
    wanted: z.enum(['started', 'stopped']),
    /** Of a final action. */
    because: z.string().optional(),
  }),
  /** The group belongs to this server from here on; the commit's sequence is the epoch. */
  GroupAssigned: z.object({
    group: decode.group,
    server: decode.server,
    reason: assignReason,
    verdicts: z.array(verdict),
  }),
  /** First step of a move (rule 8), or a stop. `next` = where it goes once stopped; null = it stays stopped. */
  GroupStopping: z.object({
    group: decode.group,
    epoch: decode.epoch,
    factor: stopFactor,
    next: z.object({ server: decode.server, reason: assignReason, verdicts: z.array(verdict) }).nullable(),
  }),
  GroupOnline: z.object({ group: decode.group, epoch: decode.epoch, durationMs: z.number(), adopted: z.boolean() }),
  /** Everything of this epoch is off, and will never run again under it (rule 7d). */
  GroupStopped: z.object({ group: decode.group, epoch: decode.epoch, durationMs: z.number() }),
  /** The owner gave up: the group stays where it is, not (wholly) running, until somebody acts. */
  GroupFailed: z.object({ group: decode.group, epoch: decode.epoch, because: z.string() }),
  /** A wish that nothing could be done about yet: no server fits. Tried again whenever something changes. */
  GroupWaiting: z.object({ group: decode.group, because: z.string(), verdicts: z.array(verdict) }),
  /** A non-action: the group was not failed over, because. */
  FailoverSuppressed: z.object({
    group: decode.group,
    epoch: decode.epoch,
    because: z.string(),
    verdicts: z.array(verdict),
  }),
  /** A healthy period passed: failures of the past count no more. */
  /** N6: two servers held the group at the same time; `server` saw it, and `loser` stops its instance. */
  DoubleActivationSeen: z.object({
    group: decode.group,
    server: decode.server,
    winner: z.object({ server: decode.server, epoch: decode.epoch }),
    loser: z.object({ server: decode.server, epoch: decode.epoch }),
  }),
  FailoverCountReset: z.object({ group: decode.group }),
}
export type GroupEvent = FactOf<typeof groupEvents>
