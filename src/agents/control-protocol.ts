/**
 * What an agent and the commands on its machine say to each other: HTTP over the unix socket `<state>/run/control.sock`
 * (mode 0600: whoever may open it may operate the cluster).
 *
 * | request | answer |
 * |---|---|
 * | `GET /status` | `AgentStatus` as JSON |
 * | `GET /log?after=N&follow=0|1` | lines of an exported log (exported-log.ts), from sequence N+1 on; a last one with `incompleteMark`: why no more |
 * | `POST /alone` with `AloneRequest` | `CommandProgress` as JSON lines until the log goes on here |
 * | `POST /hand-over` with `HandOverRequest` | `CommandProgress` as JSON lines until somebody took note |
 * | `POST /command` with `CommandRequest` | `CommandProgress` as JSON lines until it is settled |
 * | `POST /refusal` with `RefusalRequest` | one `refused` as a JSON line when it would be refused now, or nothing; it is not done |
 */
import { z } from 'zod'
import type { Refusal } from '../decisions/decision.ts'
import { command, type LogStatus, type VoterName } from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { WatchdogReport } from './guardian/guardian-protocol.ts'
import type { MirrorHere } from './mirror/here.ts'
import type { CopyStanding } from './pair/log-copier.ts'

/** `wait`: how long to report progress before giving up watching (the cluster goes on regardless). */
export const commandRequest = z.object({
  command,
  /** The person: `operator:<user>`; added by the CLI. */
  by: z.string().regex(/^operator:.{1,60}$/),
  waitMs: z.number().min(0).max(3_600_000),
})
export type CommandRequest = z.infer<typeof commandRequest>

/** X6: without the log, so it is no command. */
export const handOverRequest = z.object({ waitMs: z.number().min(0).max(3_600_000) })
/** Topology `pair`: the person vouches that the other server is off, and that nothing of its log is needed. */
export const aloneRequest = z.object({
  by: z.string().regex(/^operator:.{1,60}$/),
  waitMs: z.number().min(0).max(3_600_000),
})
/** What a person is about to be asked: nobody should answer for what cannot be. A path of its own, so that no agent does it. */
export const refusalRequest = z.object({ of: command.or(z.enum(['hand-over', 'go-alone'])) })
export type RefusalRequest = z.infer<typeof refusalRequest>
export type AloneRequest = z.infer<typeof aloneRequest>
export type HandOverRequest = z.infer<typeof handOverRequest>

export type CommandProgress =
  | { readonly step: 'refused'; readonly because: string; readonly possible: string }
  | { readonly step: 'accepted'; readonly operation: string; readonly sequence: number }
  /** Something that happened on the way, in words. */
  | { readonly step: 'progress'; readonly text: string }
  | { readonly step: 'done' | 'failed' | 'timed-out'; readonly detail: string; readonly elapsedMs: number }

export type Refused = Extract<CommandProgress, { step: 'refused' }>

export const refusedBy = ({ refused: because, possible }: Refusal): Refused => ({ step: 'refused', because, possible })

/** What this agent knows of one other voter. */
export type PeerStatus = {
  readonly voter: VoterName
  readonly role: 'server' | 'witness'
  /** Of its software, by its own word; null until it has said so. */
  readonly version?: string | null
  /** Since its last new beat, on any path; null = never heard since this agent started. */
  readonly heardMsAgo: number | null
  /** By path: since the last beat on it; null = never. */
  readonly paths: Readonly<Record<string, number | null>>
  /** By path, where a beat has come: see path-times.ts for what is measured. */
  readonly times: Readonly<
    Record<
      string,
      {
        readonly answerMs: number | null
        readonly roundTripMs?: number | null
        readonly late: number
        readonly worstMs: number
        /** Since this agent started. `lost`: null on a path that does not carry every beat. */
        readonly beats?: number
        readonly lost?: number | null
      }
    >
  >
  /** By its own word: on which paths it hears each other voter within T. */
  readonly hears: Readonly<Record<string, readonly string[]>>
  /** This voter's echo of us: how old the newest of our beats is that it has answered. */
  readonly echoMsAgo: number | null
}

export type AgentStatus = {
  readonly voter: VoterName
  readonly role: 'server' | 'witness'
  readonly version: string
  readonly instance: string
  readonly startedMsAgo: number
  /** Whether this agent holds a lease, until when, or why not. */
  readonly lease: { readonly held: boolean; readonly remainingMs: number; readonly because: string }
  /** `knowsUntilMsAgo`: for how long this agent may have missed what was decided. 0 = it is up to date. */
  readonly knowledge: { readonly sequence: number; readonly knowsUntilMsAgo: number }
  readonly log: LogStatus
  /** Topology `pair` alone: how the two copies of the log compare, as this agent sees it. */
  readonly copies?: CopyStanding | null
  /** `watchdog`: the armed device, or `none`. */
  readonly guardian: {
    readonly running: boolean
    readonly watchdog: string
    readonly watchdogReport?: WatchdogReport
  }
  /** How far the rate of the clock is from the hardware's, null until it is known; and its wall clock. */
  readonly clock?: { readonly rateErrorPercent: number | null; readonly wall: number }
  readonly peers: readonly PeerStatus[]
  /** What NP resolution says of this side, and what the controllers of other servers say; null on a witness. */
  readonly partition: {
    readonly verdict: 'connected' | 'cut-off' | 'unknown'
    readonly reasons: readonly string[]
    readonly controllers: readonly {
      readonly server: string
      readonly isPresent: boolean | null
      readonly power: 'on' | 'off' | 'unknown'
      readonly msAgo: number
    }[]
  } | null
  /** Mirror disks that have a copy on this server; none on a witness. */
  readonly mirrors: readonly MirrorHere[]
  /** Voters, this one included, that show another store than the admitted one: their word does not count (rule 3). */
  readonly notAdmitted: readonly VoterName[]
  /** Set when this agent does not decide: newer events, a damaged log. */
  readonly notDeciding: string | null
  readonly state: State
}
