/**
 * H4: beats over a partition of a shared disk; each server writes its own slot and reads those of the others.
 *
 * One call to the disk at a time, in turns: write our newest beat, read all slots. A disk that hangs so costs one thread
 * of the process, never its event loop, and is nothing but silence; it is said when it takes longer than T.
 */
import type { Beat } from '../../decisions/liveness.ts'
import { type Instant, type PathName, pathName } from '../../events/index.ts'
import type { Cancel, RawDisk, World } from '../../world/world.ts'
import { agreementOf, type CompactCodec, compactCodec } from './compact-beat.ts'
import { formatSlot, leastDiskBytes, readSuperblock, slotBytes, slotOffset, slotOwnersOf } from './disk-layout.ts'
import { onceEach } from './once-each.ts'
import type { HeartbeatPath } from './path.ts'
import type { PathKind, PathParts } from './paths.ts'
import { type SlotReader, slotReader } from './slot-reader.ts'

export const diskName = pathName('disk')

/** A disk that is not there, or not prepared, is not sooner so. */
const reopenMs = 2000
/** Between two turns, however long the last one took: a slow disk is not asked without a pause. */
const leastPauseMs = 5

/** The heartbeat disk of this server, where it has one. */
export const diskKind = (): PathKind => {
  // Two disks that hang would cost two threads: the next one is opened when the one before has let go.
  let before: Promise<void> = Promise.resolve()
  return (world, configuration, parts) => {
    const me = parts.kit.own.name
    const device = configuration.servers.find(({ name }) => name === me)?.diskHeartbeat
    if (device === undefined) return []
    const { timeout, disk } = configuration.heartbeat
    const agreement = agreementOf(configuration)
    const from = { device, interval: disk.interval, timeout, agreement }
    const open = () => {
      const path = diskPath(world, {
        device,
        intervalMs: disk.interval,
        stallMs: timeout,
        cluster: configuration.cluster,
        me,
        owners: slotOwnersOf(configuration),
        codec: compactCodec(world, agreement, { key: parts.kit.clusterKey, groups: parts.groups }),
        after: before,
        parts,
      })
      before = path.ended
      return path
    }
    return [{ name: diskName, from, open }]
  }
}

export type DiskOptions = {
  readonly device: string
  readonly intervalMs: number
  /** A call that takes longer is said. */
  readonly stallMs: number
  readonly cluster: string
  readonly me: string
  /** Servers in the order of slots. */
  readonly owners: readonly string[]
  readonly codec: CompactCodec
  /** Opens no sooner than this is settled. */
  readonly after: Promise<void>
  readonly parts: Pick<PathParts, 'hear' | 'suspicious' | 'say'>
}

/** `ended`: closed, and nothing asked of the disk is under way. */
export const diskPath = (
  world: Pick<World, 'clock' | 'rawDisks'>,
  options: DiskOptions,
): HeartbeatPath & { readonly ended: Promise<void> } => new DiskPath(world, options)

class DiskPath implements HeartbeatPath {
  readonly name: PathName = diskName
  readonly ended: Promise<void>
  readonly #world: Pick<World, 'clock' | 'rawDisks'>
  readonly #options: DiskOptions
  readonly #tell: (what: string, fields?: Readonly<Record<string, unknown>>) => void
  /** Kept over an error: what was new before the disk failed is old after it. */
  readonly #readers: ReadonlyMap<string, SlotReader>
  /** Slots that could not be read at the last look: once is a write under way, twice is worth a line. */
  readonly #unreadable = new Set<string>()
  #newest: Beat | null = null
  #isClosed = false
  /** When the last turn of writing and reading was done. */
  #usedAt: Instant | null = null
  #wroteAt: Instant | null = null
  #wake: () => void = () => {}

  constructor(world: Pick<World, 'clock' | 'rawDisks'>, options: DiskOptions) {
    this.#world = world
    this.#options = options
    this.#tell = onceEach((what, fields) => options.parts.say(what, { device: options.device, ...fields }))
    const { owners, me, codec } = options
    this.#readers = new Map(owners.filter((owner) => owner !== me).map((owner) => [owner, slotReader(codec)]))
    this.ended = this.#run()
  }

  /** A disk that hangs is as little use as one that fails. */
  readonly isUsable = (): boolean | null =>
    this.#usedAt === null ? null : this.#world.clock.now() - this.#usedAt < this.#options.stallMs

  readonly wroteAt = (): Instant | null => this.#wroteAt

  readonly send = (_: Uint8Array, beat: Beat): void => {
    this.#newest = beat
  }

  readonly close = (): void => {
    this.#isClosed = true
    this.#wake()
  }

  async #run(): Promise<void> {
    await this.#options.after
    while (!this.#isClosed) {
      let disk: RawDisk | null = null
      try {
        disk = await this.#limited('open', this.#world.rawDisks.open(this.#options.device))
        const fault = await this.#faultOf(disk)
        if (fault === null) await this.#takeTurns(disk)
        else this.#tell('the heartbeat disk cannot be used', fault)
      } catch (trouble) {
        const because = trouble instanceof Error ? trouble.message : String(trouble)
        this.#tell('the heartbeat disk failed: it is opened again every few seconds', { because })
      }
      await disk?.close().catch(() => {})
      if (!this.#isClosed) await this.#pause(reopenMs)
    }
  }

  async #faultOf(disk: RawDisk): Promise<Readonly<Record<string, string>> | null> {
    const { cluster } = this.#options
    const remedy = `baton disk-heartbeat init ${this.#options.device} --cluster ${cluster}`
    if (disk.sizeBytes < leastDiskBytes) return { because: `it has ${disk.sizeBytes} bytes of ${leastDiskBytes}` }
    const found = readSuperblock(await this.#limited('read', disk.read(0, slotBytes)))
    if (found === 'none') return { because: 'it is not prepared', remedy }
    if (typeof found === 'string') return { because: `its superblock is ${found}`, remedy: `${remedy} --force` }
    if (found.cluster !== cluster) return { because: `it belongs to the cluster ${found.cluster}` }
    this.#tell('the heartbeat disk is open', { id: found.id })
    return null
  }

  async #takeTurns(disk: RawDisk): Promise<void> {
    const { owners, me, intervalMs } = this.#options
    while (!this.#isClosed) {
      const began = this.#world.clock.now()
      const slot = this.#slotToWrite()
      if (slot !== null) await this.#limited('write', disk.write(slotOffset(owners.indexOf(me)), slot))
      if (this.#isClosed) return
      const all = await this.#limited('read', disk.read(slotOffset(0), owners.length * slotBytes))
      if (this.#isClosed) return
      this.#usedAt = this.#world.clock.now()
      if (slot !== null) this.#wroteAt = began
      for (const [owner, reader] of this.#readers) this.#look(owner, reader, slotOf(all, owners.indexOf(owner)))
      const left = began + intervalMs - this.#world.clock.now()
      await this.#pause(Math.max(leastPauseMs, left))
    }
  }

  #slotToWrite(): Uint8Array | null {
    const beat = this.#newest
    this.#newest = null
    if (beat === null) return null
    const bytes = this.#options.codec.encode(beat)
    if (!('unfit' in bytes)) return formatSlot(bytes)
    this.#tell('a beat cannot be written to the heartbeat disk', { because: bytes.unfit })
    return null
  }

  #look(owner: string, reader: SlotReader, bytes: Uint8Array): void {
    const { parts } = this.#options
    const found = reader.look(bytes)
    const wasUnreadable = this.#unreadable.delete(owner)
    if (found === null) return
    if (typeof found !== 'string') {
      if (found.from === owner) parts.hear(found, diskName)
      else parts.suspicious(`a beat of ${found.from} in the slot of ${owner} on disk`)
      return
    }
    this.#unreadable.add(owner)
    if (!wasUnreadable) return
    if (found === 'differing')
      this.#tell('beats are on disk of a server with other voters or networks configured: not heard', { server: owner })
    else parts.suspicious(`a ${found} slot of ${owner} on disk`)
  }

  /** Waits for as long as it takes: a call that was made cannot be taken back. Says so when it takes too long. */
  async #limited<T>(what: string, call: Promise<T>): Promise<T> {
    const { clock } = this.#world
    const began = clock.now()
    let hasStalled = false
    const cancel: Cancel = clock.after(this.#options.stallMs, () => {
      hasStalled = true
      this.#tell('the heartbeat disk stalls: it is silent for now', { what })
    })
    try {
      return await call
    } finally {
      cancel()
      if (hasStalled) this.#tell('the heartbeat disk answers again', { afterMs: Math.round(clock.now() - began) })
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#world.clock.after(ms, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}

const slotOf = (all: Uint8Array, index: number): Uint8Array => all.subarray(index * slotBytes, (index + 1) * slotBytes)
