/** What becomes of this product's own processes on a server (F4, M13): part of the stream `server`. */
import { z } from 'zod'
import { decode } from './ids.ts'

export const ownProcesses = ['agent', 'guardian', 'log-server', 'mirror'] as const
export type OwnProcess = (typeof ownProcesses)[number]

export const ownProcessEvents = {
  /** It ended without having been told to; `count`: how often lately, this time included. It is started again anyway. */
  OwnProcessDied: z.object({
    server: decode.server,
    process: z.enum(ownProcesses),
    because: z.string().max(500),
    count: z.int().min(1),
    /** In which life of the machine, and how long after its start, by a clock that nobody sets. */
    boot: z.string(),
    sinceBootMs: z.number().min(0),
  }),
  /** A non-action: what is configured for that death was not done, because. */
  EmergencySuppressed: z.object({ server: decode.server, action: z.string(), because: z.string() }),
}
