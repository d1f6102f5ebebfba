/** Stream `operator`: what people asked for, and what became of it. */
import { z } from 'zod'
import type { FactOf } from './fact.ts'
import { decode } from './ids.ts'
import { mirrorCommands } from './mirror.ts'

/** Everything a person can ask of the cluster, as it travels from the CLI to an agent and onto the log. */
export const command = z.discriminatedUnion('do', [
  z.object({ do: z.literal('start-group'), group: decode.group, server: decode.server.nullable() }),
  z.object({ do: z.literal('stop-group'), group: decode.group }),
  /** `server` null = the next fit one. A move is planned; a failover runs the scripts as after a failure. */
  z.object({ do: z.literal('move-group'), group: decode.group, server: decode.server.nullable() }),
  z.object({ do: z.literal('failover-group'), group: decode.group, server: decode.server.nullable() }),
  z.object({ do: z.literal('start-resource'), group: decode.group, resource: decode.resource }),
  z.object({ do: z.literal('stop-resource'), group: decode.group, resource: decode.resource }),
  z.object({ do: z.literal('suspend-monitor'), monitor: decode.monitor, server: decode.server.nullable() }),
  z.object({ do: z.literal('resume-monitor'), monitor: decode.monitor, server: decode.server.nullable() }),
  z.object({ do: z.literal('enable-dummy-failure'), monitor: decode.monitor, server: decode.server.nullable() }),
  z.object({ do: z.literal('disable-dummy-failure'), monitor: decode.monitor, server: decode.server.nullable() }),
  z.object({ do: z.literal('start-cluster') }),
  z.object({ do: z.literal('stop-cluster') }),
  z.object({ do: z.literal('suspend-cluster') }),
  z.object({ do: z.literal('resume-cluster') }),
  /** Moves or stops this server's groups, then leaves. */
  z.object({ do: z.literal('stop-server'), server: decode.server }),
  /** The server may run groups again after `stop-server`: it returns. */
  z.object({ do: z.literal('start-server'), server: decode.server }),
  /** P3: do not wait for the missing servers. */
  z.object({ do: z.literal('skip-start-sync') }),
  /** T is `ratio` times the configured one for `forMs`. */
  z.object({
    do: z.literal('stretch-timeout'),
    ratio: z.number().min(1).max(10_000),
    forMs: z.number().int().min(1000).max(2_592_000_000),
  }),
  z.object({ do: z.literal('restore-timeout') }),
  /** Rule 3: believe this voter's new store from now on. */
  z.object({ do: z.literal('readmit-voter'), voter: decode.voter }),
  /** F2: a person has switched this server off, or seen that it is. */
  z.object({ do: z.literal('confirm-off'), server: decode.server, note: z.string().max(500) }),
  /** Another attempt to prove it off, now. */
  z.object({ do: z.literal('fence-server'), server: decode.server }),
  ...mirrorCommands,
  z.object({ do: z.literal('apply-configuration'), source: z.string().max(200_000), note: z.string().max(500) }),
])
export type Command = z.infer<typeof command>

export const operatorEvents = {
  /** `from`: the server on which it was asked. Who asked is the commit's `by`. */
  OperationRequested: z.object({ operation: decode.operation, command, from: decode.voter }),
  /** Nothing was changed. `possible`: what would make it possible. */
  OperationRefused: z.object({ operation: decode.operation, because: z.string(), possible: z.string() }),
  OperationFinished: z.object({
    operation: decode.operation,
    outcome: z.enum(['done', 'failed', 'timed-out']),
    detail: z.string(),
  }),
  /** `because`: of a final action or an emergency; an operator's word needs none. */
  ServerStopOrdered: z.object({ server: decode.server, because: z.string().optional() }),
  ServerStartOrdered: z.object({ server: decode.server }),
}
export type OperatorEvent = FactOf<typeof operatorEvents>
