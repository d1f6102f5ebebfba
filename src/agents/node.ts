/** What every voter's process has, server or witness: its kit, its store, the log server, the log, beats, control. */

import { type Author, type EventLog, type LogTrouble, type PathName, pathName } from '../events/index.ts'
import { beatChannel } from '../events/jetstream-beats.ts'
import { connectLog, type LogConnection } from '../events/jetstream-connection.ts'
import { jetstreamLog } from '../events/jetstream-log.ts'
import { ensureStream, replicasFor } from '../events/jetstream-stream.ts'
import type { State } from '../projections/state.ts'
import type { World } from '../world/world.ts'
import { lateLog } from './late-log.ts'
import { type LogServer, logServer } from './log-server.ts'
import { type Recorder, startRecorder } from './recorder.ts'
import { readSnapshot, writeSnapshot } from './snapshots.ts'
import { logServersOf, readVoterKit, type VoterKit } from './voter-kit.ts'
import { openVoterStore, type VoterStore } from './voter-store.ts'

export type Say = (what: string, fields: Readonly<Record<string, unknown>>) => void

export type NodeOptions = {
  /** Everything this voter keeps. The kit is in `kit/`. */
  readonly stateDirectory: string
  /** Path of nats-server. */
  readonly natsServer: string
  readonly say: Say
}

/** Places below the state directory. */
export const placesIn = (stateDirectory: string) => ({
  kit: `${stateDirectory}/kit`,
  firstConfiguration: `${stateDirectory}/kit/cluster.yaml`,
  voterStore: `${stateDirectory}/voter.json`,
  snapshot: `${stateDirectory}/snapshot.json`,
  run: `${stateDirectory}/run`,
  control: `${stateDirectory}/run/control.sock`,
  guardian: `${stateDirectory}/run/guardian.sock`,
  manifest: `${stateDirectory}/run/running.json`,
  logs: `${stateDirectory}/log`,
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
  readonly logServer: LogServer | null
  /** For how long what is decided may have passed us by, in ms; 0 = in touch. */
  readonly outOfTouchMs: () => number
  /** Why nothing is decided here; null when nothing stands against it. */
  readonly notDeciding: () => string | null
  /** Joins the beats of path `nats` to those who listen. */
  readonly onBeatChannel: (
    ready: (
      path: { readonly name: PathName; readonly send: (bytes: Uint8Array) => void; readonly close: () => void },
      received: (hear: (bytes: Uint8Array) => void) => void,
    ) => void,
  ) => void
  /** Leaves the log server running: replacing the agent must not cost the log a replica. */
  readonly stop: () => Promise<void>
}

/** A snapshot is written after so many commits, or so much time when there were any. */
const snapshotCommits = 2000
const snapshotMs = 60_000
/** How often the end of the log is held against the high-water mark, and the mark moved. */
const watchMs = 1000
const connectMs = 10_000
const streamMs = 30_000
const pauseMs = 250

/** Opens everything; resolves without waiting for the log, which may be away for long. @throws KitUnusable, VoterStoreDamaged */
export const openNode = async (world: World, options: NodeOptions): Promise<Node> => {
  const places = placesIn(options.stateDirectory)
  for (const directory of [places.run, places.logs]) await world.files.makeDirectory(directory)
  const kit = await readVoterKit(world.files, places.kit)
  const store = await openVoterStore(world, places.voterStore)
  const snapshot = await readSnapshot(world, places.snapshot, kit.identity.cluster)
  const instance = `${kit.identity.cluster}-${kit.own.name}-${world.digest(options.stateDirectory).slice(0, 6).replaceAll('-', '_')}`
  return new OpenNode(world, { ...options, kit, store, snapshot, places, instance })
}

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
  readonly logServer: LogServer | null
  readonly #world: World
  readonly #say: Say
  readonly #arrived: (log: EventLog) => void
  readonly #channelReady: ((connection: LogConnection) => void)[] = []
  #connection: LogConnection | null = null
  #isStopped = false
  #inTouchAt: number
  #isShorter: string | null = null
  #snapshotAt: { sequence: number; ms: number }

  constructor(world: World, { kit, store, snapshot, places, instance, say, natsServer }: Parts) {
    this.#world = world
    this.#say = say
    this.kit = kit
    this.store = store
    this.places = places
    this.instance = instance
    this.#inTouchAt = world.clock.now()
    const late = lateLog()
    this.log = late.log
    this.#arrived = late.arrived
    this.recorder = startRecorder(world, this.log, {
      by: `server:${kit.own.name}` satisfies Author,
      from: snapshot,
      troubled: (trouble) => this.#troubled(trouble),
      refuses: () => this.#isShorter,
    })
    this.#snapshotAt = { sequence: snapshot.position.sequence, ms: world.clock.now() }
    this.logServer = kit.own.hasLog ? logServer(world, { kit, binary: natsServer, directory: places.logServer }) : null
    void this.#reachLog()
    this.#watch()
  }

  readonly outOfTouchMs = (): number =>
    this.log.status().reachable ? 0 : Math.round(this.#world.clock.now() - this.#inTouchAt)

  readonly notDeciding = (): string | null => {
    const { watching } = this.recorder.state()
    const trouble = this.recorder.trouble()
    if (this.#isShorter !== null) return this.#isShorter
    if (trouble !== null) return `the log is not in order: ${inWords(trouble)}`
    return watching === null
      ? null
      : `the log holds ${watching.type} (commit ${watching.sequence}), which this version does not know: it only watches`
  }

  readonly onBeatChannel: Node['onBeatChannel'] = (ready) => {
    const begin = (connection: LogConnection) => {
      const channel = beatChannel(connection, { cluster: this.kit.identity.cluster, voter: this.kit.own.name })
      const path = { name: pathName('nats'), send: channel.publish, close: () => {} }
      ready(path, (hear) => channel.subscribe((bytes) => hear(bytes)))
    }
    if (this.#connection) begin(this.#connection)
    else this.#channelReady.push(begin)
  }

  readonly stop = async (): Promise<void> => {
    this.#isStopped = true
    this.recorder.stop()
    const state = this.recorder.state()
    await this.store.see(state.position).catch(() => {})
    if (state.position.sequence > this.#snapshotAt.sequence) await this.#snapshot().catch(() => {})
    await this.log.close()
    await this.#connection?.close()
    this.logServer?.release()
  }

  async #reachLog(): Promise<void> {
    const { kit } = this
    const { cluster } = kit.identity
    await this.logServer
      ?.start()
      .catch((trouble: unknown) => this.#say('the log server could not be started', { trouble: String(trouble) }))
    const credentials = { ca: kit.ca, certificate: kit.certificate, key: kit.key, seed: kit.nkeys.agent.seed }
    const connection = await this.#untilDone('no log server answers yet', () =>
      connectLog(this.#world, {
        name: `baton-${kit.own.name}`,
        servers: logServersOf(kit),
        credentials,
        hasOwn: kit.own.hasLog,
        withinMs: connectMs,
      }),
    )
    if (connection === null) return
    this.#connection = connection
    this.#arrived(jetstreamLog(this.#world, connection, { cluster }))
    for (const begin of this.#channelReady) begin(connection)
    const replicas = replicasFor(kit.identity.voters.filter((voter) => voter.hasLog).length)
    await this.#untilDone('the log is not ready yet', () =>
      ensureStream(this.#world, connection, {
        cluster,
        replicas,
        withinMs: streamMs,
        seen: this.store.seen().sequence,
      }),
    )
  }

  /** Tries for as long as the agent lives: machines of a cluster come up one by one. */
  async #untilDone<T>(what: string, attempt: () => Promise<T>): Promise<T | null> {
    while (!this.#isStopped) {
      try {
        return await attempt()
      } catch (trouble) {
        this.#say(what, { trouble: trouble instanceof Error ? trouble.message : String(trouble) })
      }
      await new Promise<void>((resolve) => this.#world.clock.after(pauseMs, resolve))
    }
    return null
  }

  #troubled(trouble: LogTrouble | null): void {
    if (trouble === null) this.#say('the log is in order again', {})
    else this.#say('the log is not in order: no decisions until it is', { trouble: inWords(trouble) })
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
    const state = this.recorder.state()
    this.#snapshotAt = { sequence: state.position.sequence, ms: this.#world.clock.now() }
    await writeSnapshot(this.#world, this.places.snapshot, this.kit.identity.cluster, state)
  }
}

const inWords = (trouble: LogTrouble): string => {
  switch (trouble.trouble) {
    case 'hole':
      return `commit ${trouble.at} is missing`
    case 'broken-chain':
      return `commit ${trouble.at} does not follow from the one before it`
    case 'unreadable':
      return `commit ${trouble.at} cannot be read: ${trouble.because}`
    case 'shorter':
      return `it ends at ${trouble.last}, but ${trouble.seen} has been seen`
    default:
      return trouble satisfies never
  }
}
