/** Stream `resource`: the outcome of every activation and deactivation, with its duration. */
import { z } from 'zod'
import type { FactOf } from './fact.ts'
import { decode } from './ids.ts'

const which = { group: decode.group, resource: decode.resource, epoch: decode.epoch }

export const resourceEvents = {
  ActivationStarted: z.object({ ...which, attempt: z.number().int() }),
  /** `adopted`: it was found running by an agent that had restarted. */
  ResourceActivated: z.object({ ...which, attempt: z.number().int(), durationMs: z.number(), adopted: z.boolean() }),
  /** `stalled`: no end within the time-out (F3). */
  ActivationFailed: z.object({
    ...which,
    attempt: z.number().int(),
    durationMs: z.number(),
    because: z.string(),
    stalled: z.boolean(),
  }),
  DeactivationStarted: z.object({ ...which, attempt: z.number().int() }),
  ResourceDeactivated: z.object({ ...which, durationMs: z.number() }),
  DeactivationFailed: z.object({
    ...which,
    attempt: z.number().int(),
    durationMs: z.number(),
    because: z.string(),
    stalled: z.boolean(),
  }),
  /** It was online and is not any more, by itself. */
  ResourceLost: z.object({ ...which, because: z.string() }),
  /** An operator, or the recovery of a monitor, wants this one resource stopped and started again. */
  ResourceRestartOrdered: z.object({ ...which }),
  /** `baton resource stop|start`: one resource by hand, the group staying where it is. */
  ResourceStopOrdered: z.object({ ...which }),
  ResourceStartOrdered: z.object({ ...which }),
}
export type ResourceEvent = FactOf<typeof resourceEvents>
