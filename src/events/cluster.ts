/** Stream `cluster`: what concerns the cluster as a whole. */
import { z } from 'zod'
import { storedConfiguration } from './configuration.ts'
import type { FactOf } from './fact.ts'
import { decode } from './ids.ts'

export const clusterEvents = {
  /** The first event of every log. */
  ClusterCreated: z.object({ cluster: z.string() }),
  /** P4: a checked configuration is in force from here on. `source` is the file as its author wrote it. */
  ConfigurationApplied: z.object({
    version: z.number().int().min(1),
    configuration: storedConfiguration,
    source: z.string(),
    note: z.string(),
  }),
  /** `baton cluster suspend`: nothing is decided automatically until resumed; what runs goes on running. */
  ClusterSuspended: z.object({}),
  ClusterResumed: z.object({}),
  /** `baton cluster stop`: every group is to stop, and none starts by itself until `ClusterStarted`. */
  ClusterStopping: z.object({}),
  ClusterStarted: z.object({}),
  /** P3: groups start although these servers are not there: an operator said so, or the start-sync wait is over. */
  StartSyncEnded: z.object({ because: z.string(), missing: z.array(decode.server) }),
  /** Rule 10: these are to vote, as soon as every server that is up has acknowledged it. One change at a time. */
  VotersChanging: z.object({ from: z.array(decode.voter), to: z.array(decode.voter) }),
  /** Every server that is up counts the next voters: they alone vote from here on. */
  VotersChanged: z.object({ from: z.array(decode.voter), voters: z.array(decode.voter) }),
  VotersChangeAbandoned: z.object({ voters: z.array(decode.voter) }),
  /** `baton timeout-ratio`: the heartbeat time-out is `ratio` times the configured one for `forMs`, by whoever's clock. */
  TimeoutStretched: z.object({ ratio: z.number().min(1), forMs: z.number().min(0) }),
  TimeoutStretchEnded: z.object({ because: z.string() }),
}
export type ClusterEvent = FactOf<typeof clusterEvents>
