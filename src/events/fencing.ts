/** Stream `fencing`: servers that must be provably off before their groups may run elsewhere, and last resorts (F1, F2). */
import { z } from 'zod'
import type { FactOf } from './fact.ts'
import { decode } from './ids.ts'

/** What is done to a server as a last resort (F1), beyond stopping what it runs. Every one ends with the machine off or anew. */
export const machineActions = [
  'shutdown',
  'reboot',
  'panic',
  'keepalive-reset',
  'keepalive-panic',
  'bmc-reset',
  'bmc-off',
  'bmc-cycle',
  'bmc-nmi',
] as const
export type MachineAction = (typeof machineActions)[number]

const which = { server: decode.server, generation: decode.generation }

export const fencingEvents = {
  /**
   * This server's groups stay uncertain until it is proven off. Stands before `ServerDeclaredDown` in the same commit;
   * a later one names another executor, or asks for another attempt. Only `executor` acts: the request is the mutex.
   */
  FencingRequested: z.object({
    ...which,
    groups: z.array(decode.group),
    executor: decode.server,
    because: z.string(),
  }),
  /** One attempt over all levels did not prove it off. `attempt` counts from 1 since the latest request. */
  FencingFailed: z.object({ ...which, executor: decode.server, attempt: z.number().int().min(1), because: z.string() }),
  /** It was seen off after it had been declared down: nothing of this generation runs any more. */
  FencingConfirmed: z.object({
    ...which,
    by: decode.server,
    level: z.number().int().min(1),
    devices: z.array(z.string()),
    ms: z.number(),
  }),
  /** A person has switched it off, or seen that it is. Who: the commit's `by`. */
  FencingConfirmedByOperator: z.object({ ...which, note: z.string().max(500) }),
  /** Its own durable word came after all: it released everything (liveness.md rule 4). */
  FencingUnneeded: z.object({ ...which, because: z.string() }),
  /** Its groups go on without a proof, on its expired lease, because the configuration prefers that to waiting. */
  FencingForgone: z.object({ ...which, because: z.string() }),
  /** A fence device does not answer (answers again); seen by `by`. */
  FenceDeviceLost: z.object({ device: z.string().max(64), by: decode.server, because: z.string() }),
  FenceDeviceRestored: z.object({ device: z.string().max(64), by: decode.server }),
  /** F1: the server is to do this to itself. `boot`: of the machine it is meant for; after a restart it is done. */
  FinalActionOrdered: z.object({
    server: decode.server,
    action: z.enum(machineActions),
    boot: z.string(),
    because: z.string(),
  }),
  FinalActionFailed: z.object({ server: decode.server, action: z.enum(machineActions), because: z.string() }),
}
export type FencingEvent = FactOf<typeof fencingEvents>
