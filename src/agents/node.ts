/** What every voter's process has, server or witness: its kit, its store, the log server, the log, beats, control. */

import {
  type Author,
  type EventLog,
  type LogTrouble,
  type Sequence,
  troubleInWords,
  unknownHash,
} from '../events/index.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import type { LogLink, OpenLogLink, PairLink, Say } from './log/log-link.ts'
import { type Recorder, startRecorder } from './log/recorder.ts'
import { readSnapshot, writeSnapshot } from './log/snapshots.ts'
import { readVoterKit, type VoterKit } from './voter/voter-kit.ts'
import { openVoterStore, type VoterStore } from './voter/voter-store.ts'

export type NodeOptions = {
  /** Everything this voter keeps. The kit is in `kit/`. */
  readonly stateDirectory: string
  readonly openLog: OpenLogLink
  /** The log server ended without having been told to. */
  readonly logServerDied?: (because: string) => void
  readonly say: Say
}

/** Places below the state directory. */
export const placesIn = (stateDirectory: string) => ({
  kit: `${stateDirectory}/kit`,
  firstConfiguration: `${stateDirectory}/kit/cluster.yaml`,
  voterStore: `${stateDirectory}/voter.json`,
  snapshot: `${stateDirectory}/snapshot.json`,
  setAside: `${stateDirectory}/set-aside.json`,
  lock: `${stateDirectory}/agent.lock`,
  run: `${stateDirectory}/run`,
  control: `${stateDirectory}/run/control.sock`,
  guardian: `${stateDirectory}/run/guardian.sock`,
  trace: `${stateDirectory}/run/agent.json`,
  manifest: `${stateDirectory}/run/running.json`,
  logs: `${stateDirectory}/log`,
  diskStatistics: `${stateDirectory}/perf/disk`,
  logServer: `${stateDirectory}/nats`,
  alerts: `${stateDirectory}/log/alerts.log`,
  alertCursor: `${stateDirectory}/alert-cursor.json`,
})
export type Places = ReturnType<typeof placesIn>

export type Node = {
  readonly kit: VoterKit
  readonly places: Places
  /** Distinguishes this voter from all others on the machine: part of process tags. */
  readonly instance: string
  readonly store: VoterStore
  readonly log: EventLog
  readonly recorder: Recorder
  /** For how long what is decided may have passed us by, in ms; 0 = in touch. */
  readonly outOfTouchMs: () => number
  /** Why nothing is decided here; null when nothing stands against it. */
  readonly notDeciding: () => string | null
  /** Beats over the log's own connection (H1). */
  readonly onBeatChannel: LogLink['onBeatChannel']
  /** Topology `pair` alone. */
  readonly pair: PairLink | null
  /** N6: gives up this server's own history after `common`. Nothing may run here; the process must start anew. */
  readonly giveUpHistory: (common: Sequence) => Promise<void>
  /** Resolves when that is done: what was folded is everywhere in this process, which is of no use any more. */
  readonly givenUp: Promise<true>
  /** Writes down what the next agent begins with. Disks may be slow: to be done before anything else is stopped. */
  readonly save: () => Promise<void>
  /** Leaves the log server running: replacing the agent must not cost the log a replica. */
  readonly stop: () => Promise<void>
}

/** A snapshot is written after so many commits, or so much time when there were any. */
const snapshotCommits = 2000
const snapshotMs = 60_000
/** How often the end of the log is held against the high-water mark, and the mark moved. */
const watchMs = 1000

/** Opens everything; resolves without waiting for the log, which may be away for long. @throws KitUnusable, VoterStoreDamaged */
export const openNode = async (world: World, options: NodeOptions): Promise<Node> => {
  const places = placesIn(options.stateDirectory)
  for (const directory of [places.run, places.logs]) await world.files.makeDirectory(directory)
  const kit = await readVoterKit(world.files, places.kit)
  const store = await openVoterStore(world, places.voterStore)
  const snapshot = await readSnapshot(world, places.snapshot, kit.identity.cluster)
  const instance = instanceOf(world, kit, options.stateDirectory)
  return new OpenNode(world, { ...options, kit, store, snapshot, places, instance })
}

export const instanceOf = (world: Pick<World, 'digest'>, { identity, own }: VoterKit, stateDirectory: string): string =>
  `${identity.cluster}-${own.name}-${world.digest(stateDirectory).slice(0, 6).replaceAll('-', '_')}`

type Parts = NodeOptions & {
  readonly kit: VoterKit
  readonly store: VoterStore
  readonly snapshot: State
  readonly places: Places
  readonly instance: string
}

class OpenNode implements Node {
  readonly kit: VoterKit
  readonly places: Places
  readonly instance: string
  readonly store: VoterStore
  readonly log: EventLog
  readonly recorder: Recorder
  readonly onBeatChannel: LogLink['onBeatChannel']
  readonly pair: PairLink | null
  readonly #world: World
  readonly #say: Say
  readonly #link: LogLink
  #isStopped = false
  /** Nothing more of what was folded goes to disk. */
  #isGivingUp = false
  readonly #givenUp = Promise.withResolvers<true>()
  readonly givenUp = this.#givenUp.promise
  #inTouchAt: number
  #isShorter: string | null = null
  #snapshotAt: { sequence: number; ms: number }

  constructor(world: World, { kit, store, snapshot, places, instance, say, openLog, logServerDied }: Parts) {
    this.#world = world
    this.#say = say
    this.kit = kit
    this.store = store
    this.places = places
    this.instance = instance
    this.#inTouchAt = world.clock.now()
    this.#link = openLog(world, {
      kit,
      places,
      seen: store.seen,
      from: snapshot,
      say,
      ...(logServerDied && { logServerDied }),
    })
    this.log = this.#link.log
    this.onBeatChannel = this.#link.onBeatChannel
    this.pair = this.#link.pair ?? null
    this.recorder = startRecorder(world, this.log, {
      by: `server:${kit.own.name}` satisfies Author,
      from: snapshot,
      troubled: (trouble) => this.#troubled(trouble),
      refuses: () => this.#isShorter,
    })
    this.#snapshotAt = { sequence: snapshot.position.sequence, ms: world.clock.now() }
    this.#watch()
  }

  readonly outOfTouchMs = (): number =>
    this.log.status().reachable ? 0 : Math.round(this.#world.clock.now() - this.#inTouchAt)

  readonly notDeciding = (): string | null => {
    const { watching } = this.recorder.state()
    const trouble = this.recorder.trouble()
    if (this.#isShorter !== null) return this.#isShorter
    if (trouble !== null) return `the log is not in order: ${troubleInWords(trouble)}`
    return watching === null
      ? null
      : `the log holds ${watching.type} (commit ${watching.sequence}), which this version does not know: it only watches`
  }

  readonly giveUpHistory = async (common: Sequence): Promise<void> => {
    this.#isGivingUp = true
    let isForgotten = false
    const forget = async () => {
      isForgotten = true
      // The hash there is not known here: nobody asks for it.
      await this.store.forgetAfter({ sequence: common, hash: unknownHash })
      await this.#world.files.remove(this.places.snapshot)
    }
    try {
      await this.pair?.yield(common, forget)
    } catch (trouble) {
      this.#isGivingUp = isForgotten
      throw trouble
    }
    this.#givenUp.resolve(true)
  }

  readonly save = async (): Promise<void> => {
    if (this.#isGivingUp) return
    const { position } = this.recorder.state()
    await this.store.see(position).catch(() => {})
    if (position.sequence > this.#snapshotAt.sequence) await this.#snapshot().catch(() => {})
  }

  readonly stop = async (): Promise<void> => {
    this.#isStopped = true
    this.recorder.stop()
    await this.#link.close()
  }

  #troubled(trouble: LogTrouble | null): void {
    if (trouble === null) this.#say('the log is in order again', {})
    else this.#say('the log is not in order: no decisions until it is', { trouble: troubleInWords(trouble) })
  }

  #watch(): void {
    if (this.#isStopped) return
    const now = this.#world.clock.now()
    const status = this.log.status()
    const { position } = this.recorder.state()
    const seen = this.store.seen()
    if (status.reachable) {
      this.#inTouchAt = now
      const isShorter = status.last < seen.sequence
      if (isShorter && this.#isShorter === null)
        this.#say('the log is shorter than what this server has seen', { last: status.last, seen: seen.sequence })
      this.#isShorter = isShorter
        ? `the log ends at ${status.last}, but this server has seen ${seen.sequence}: it is another log, or it was wiped`
        : null
    }
    const isDue =
      position.sequence - this.#snapshotAt.sequence >= snapshotCommits ||
      (position.sequence > this.#snapshotAt.sequence && now - this.#snapshotAt.ms > snapshotMs)
    const write = async () => {
      if (this.#isGivingUp) return
      await this.store.see(position)
      if (isDue) await this.#snapshot()
    }
    void write()
      .catch((trouble: unknown) =>
        this.#say('the high-water mark or a snapshot could not be written', { trouble: String(trouble) }),
      )
      .finally(() => this.#world.clock.after(watchMs, () => this.#watch()))
  }

  async #snapshot(): Promise<void> {
    if (this.#isGivingUp) return
    const state = this.recorder.state()
    this.#snapshotAt = { sequence: state.position.sequence, ms: this.#world.clock.now() }
    await writeSnapshot(this.#world, this.places.snapshot, this.kit.identity.cluster, state)
  }
}
