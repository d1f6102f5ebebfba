/** Stream `server`: which servers live, under which lease generation, over which paths. */
import { z } from 'zod'
import type { FactOf } from './fact.ts'
import { decode } from './ids.ts'
import { logCopyEvents } from './log-copy.ts'
import { ownProcessEvents } from './own-process.ts'

/** Why a voter supports a removal (liveness.md rule 4); the last three: what stands in for the missing one of a pair. */
export const supportReason = z.enum(['silent', 'renounced', 'np-resolution', 'alone', 'operator'])
export type SupportReason = z.infer<typeof supportReason>

/** What may not be as it should, though nothing has failed: no armed watchdog, a clock rate beyond ρ, a certificate that ends. */
export const serverCondition = z.enum(['watchdog', 'clock-rate', 'certificate'])
export type ServerCondition = z.infer<typeof serverCondition>

export const serverEvents = {
  /** A server gets a lease generation: the sequence of this commit (liveness.md rule 9). `boot` changes when the machine restarted. */
  ServerJoined: z.object({
    server: decode.server,
    incarnation: decode.incarnation,
    boot: z.string(),
    heardBy: z.array(decode.voter),
    /** It was told to stop, and its machine has started anew since: until an operator lets it return, it takes management groups alone. */
    awaitsReturn: z.boolean().optional(),
  }),
  /** Takeover, rule 6: a majority of voters supports the removal of exactly this generation. */
  ServerDeclaredDown: z.object({
    server: decode.server,
    generation: decode.generation,
    supports: z.array(z.object({ voter: decode.voter, reason: supportReason })),
  }),
  /** A server's own word, after everything was off: it runs nothing more under this generation. */
  ServerLeft: z.object({ server: decode.server, generation: decode.generation, reason: z.enum(['stopped', 'reboot']) }),
  /** A server that had lost its lease says so once it can write again. */
  LeaseLost: z.object({
    server: decode.server,
    generation: decode.generation,
    releasedMs: z.number(),
    groups: z.array(decode.group),
  }),
  /** Rule 12: a server that had lost its majority, and went on with what it ran, says so once it can write again. */
  QuorumLossOutlived: z.object({
    server: decode.server,
    generation: decode.generation,
    keptMs: z.number(),
    groups: z.array(decode.group),
  }),
  /** Rule 3: the store that a voter's word is believed from. A wiped one needs an operator. */
  VoterAdmitted: z.object({ voter: decode.voter, store: z.string() }),
  /** Rule 10: the lease of this server rests on both lists of voters from now on; `change`: the commit that began it. */
  VotersAcknowledged: z.object({ server: decode.server, change: decode.sequence }),
  PathLost: z.object({ server: decode.server, peer: decode.voter, path: decode.path }),
  PathRestored: z.object({ server: decode.server, peer: decode.voter, path: decode.path }),
  /** Beats came later than the configuration expects, but before T; `count` since the last such event of this path. */
  BeatsDelayed: z.object({
    server: decode.server,
    peer: decode.voter,
    path: decode.path,
    count: z.number(),
    worstMs: z.number(),
  }),
  /** NP resolution says that this server is (is no more) cut off; `reasons`: what each method found. */
  ServerCutOff: z.object({ server: decode.server, reasons: z.array(z.string()) }),
  ServerConnected: z.object({ server: decode.server, reasons: z.array(z.string()) }),
  /** N5: a server that had lost a partition did its action, or would have (`practice`); it says so once it can write. */
  PartitionLost: z.object({
    server: decode.server,
    action: z.enum(['stop-service', 'os-shutdown', 'os-reboot', 'panic']),
    practice: z.boolean(),
    reasons: z.array(z.string()),
  }),
  /** As earlier versions said that a server is cut off, when there was no method but ping. */
  PingTargetsLost: z.object({ server: decode.server, targets: z.array(z.string()) }),
  PingTargetsRestored: z.object({ server: decode.server, targets: z.array(z.string()) }),
  ...logCopyEvents,
  ...ownProcessEvents,
  /** The agent saw trouble with the log on its machine; decisions stop until `LogRepaired`. */
  LogTroubleSeen: z.object({ server: decode.server, trouble: z.string() }),
  /** Something came in that is not what it claims to be, so often since it was last told: forged, damaged, replayed. */
  SuspicionRaised: z.object({ server: decode.server, what: z.string().max(200), count: z.int().min(1) }),
  LogRepaired: z.object({ server: decode.server }),
  /** Begins, or becomes worse: `level` says how far it is. */
  ServerConditionFound: z.object({
    server: decode.server,
    condition: serverCondition,
    level: z.string(),
    because: z.string(),
  }),
  ServerConditionEnded: z.object({ server: decode.server, condition: serverCondition }),
}
export type ServerEvent = FactOf<typeof serverEvents>
