/** The machines of a model run, and what a run is about. */
import type { Beat, Liveness } from '../../../src/decisions/liveness.ts'
import {
  type Epoch,
  type Event,
  type Generation,
  type GroupName,
  groupName,
  type Incarnation,
  type Instant,
  pathName,
  resourceName,
  storedConfiguration,
  type VoterName,
} from '../../../src/events/index.ts'
import type { Disk } from './rules.ts'
import type { Chance } from './timeline.ts'
/** T, beat interval, D; R from the inequality of the design. */
export const T = 5000
export const intervalMs = 400
export const offMs = 1000
/** ρ of the clocks, and the ρ that the release budget allows for. */
export type Drift = { readonly clocks: number; readonly allowed: number }
export const usualDrift: Drift = { clocks: 0.03, allowed: 0.03 }
export const releaseFor = (rho: number, timeoutMs = T): number => offMs + (2 * rho * timeoutMs) / (1 + rho) + 1
/** What T is changed to on the living cluster. */
export const timeouts: readonly number[] = [2500, 3500, T, 9000]
/** Faults come for so long; then they stop, and within so long everything must run again. */
export const faultsMs = 90_000
export const healedMs = 60_000
export const giveUpMs = 10_000
export const path = pathName('lan:one')
export const resource = resourceName('app')
export const groups: readonly GroupName[] = [groupName('web'), groupName('db')]

export type Size = { readonly servers: number; readonly witness: boolean }
/** Chances per turn of a leased server that T is changed, and that the voters are. */
export type Changes = { readonly timing: number; readonly voters: number }
export const noChanges: Changes = { timing: 0, voters: 0 }
export type Conditions = {
  readonly drift?: Drift | undefined
  readonly changes?: Changes | undefined
  /** Rule 12: a server without a majority goes on with what it runs. */
  readonly keep?: boolean | undefined
}
export type Outcome = {
  readonly failure: string | null
  readonly takeovers: number
  readonly joins: number
  readonly fenced: number
  /** Commits that changed T. */
  readonly retimings: number
  /** Changes of voters that were completed. */
  readonly electorates: number
  readonly trace: readonly string[]
}

type Running = { readonly epoch: Epoch; readonly since: number }
export type Pending = { readonly id: string; readonly after: number; readonly since: number; readonly send: () => void }

/** One machine: its disk and what runs on it outlive its agent. */
export class Machine {
  readonly name: VoterName
  readonly isServer: boolean
  readonly rate: number
  readonly offset: number
  isUp = true
  hasAgent = false
  isFrozen = false
  life = 0
  boots = 1
  disk: Disk
  readonly running = new Map<GroupName, Running>()
  /** The guardian's: until when what runs may run, on the local clock. */
  guardedUntil = Number.NEGATIVE_INFINITY
  guardTimer: object | null = null
  isWritingPromise = false
  isCutFromLogUntil = 0
  /** Log as far as it was ever read here. */
  reached = 0
  // Of the agent, lost with it:
  l: Liveness
  folded = 0
  hasBarrier = false
  joinedAt = 0
  askedToJoinAt = Number.NEGATIVE_INFINITY
  leasedUnder: number | null = null
  hadLease = false
  hasLapsed = false
  lastLoop = 0
  pending: Pending | null = null
  /** Servers that are being switched off from here, or are, by the request. */
  readonly fencing = new Map<number, 'under way' | 'off'>()
  /** Since when each request to fence has been as it is, on the local clock. */
  readonly requestsSeen = new Map<string, Instant>()
  inbox: Beat[] = []

  constructor(name: VoterName, isServer: boolean, { chance, drift }: { chance: Chance; drift: number }, l: Liveness) {
    this.name = name
    this.isServer = isServer
    this.rate = chance.oneOf([1 - drift, 1 + drift, 1, chance.between(1 - drift, 1 + drift)])
    this.offset = chance.between(1e5, 1e6)
    this.disk = freshDisk(name, 0)
    this.l = l
  }
}

export const freshDisk = (name: VoterName, at: number): Disk => ({
  store: `store-of-${name}-${Math.round(at)}`,
  // As a new store begins: by the wall clock, so that it is later than all before.
  incarnation: Math.floor(at / 1000) as Incarnation,
  supports: {},
  renounced: 0 as Generation,
  promised: { ms: 0, isComplete: false },
  stopped: new Map(),
})

type Settings = {
  readonly timeoutMs?: number | undefined
  readonly voters?: readonly string[] | undefined
  readonly keep?: boolean
}

export const configurationOf = ({ servers, witness }: Size, rho: number, settings: Settings = {}) => {
  const { timeoutMs = T, voters, keep } = settings
  const names = Array.from({ length: servers }, (_, index) => `s${index + 1}`)
  const group = (order: readonly string[]) => ({ servers: order, resources: { app: { type: 'exec', start: 'app' } } })
  return storedConfiguration.parse({
    cluster: 'model',
    servers: names.map((name, index) => ({ name, addresses: { one: `10.0.0.${index + 1}` } })),
    ...(witness ? { witness: { name: 'w', addresses: { one: '10.0.0.9' } } } : {}),
    heartbeat: {
      timeout: timeoutMs,
      interval: intervalMs,
      release: Math.ceil(releaseFor(rho, timeoutMs)),
      stop: offMs,
      onQuorumLoss: keep ? 'keep' : 'release',
      clockRateError: rho * 100,
    },
    ...(voters ? { voters } : {}),
    startSync: 0,
    // An attempt takes up to 4 s there.
    fencing: { timeout: 4000 },
    groups: { web: group(names), db: group(names.toReversed()) },
  })
}

export const wordsOf = (event: Event): string => {
  if (event.type === 'ConfigurationApplied') return `${event.type}: T = ${event.data.configuration.heartbeat.timeout}`
  return `${event.type} ${JSON.stringify(event.data)}`.slice(0, 160)
}
