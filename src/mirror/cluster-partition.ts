/**
 * What a side of a mirror remembers, on a partition of its own: state, intent map and dirty bitmap. Everything that
 * changes has two copies that are written in turn; a write that is torn at any byte leaves what was before it.
 * Layout: docs/mirror-formats.md.
 */
import { type Disk, writeZeros } from './disk.ts'
import { noGenerations } from './generations.ts'
import { MarkMap, pagesFor } from './partition/mark-map.ts'
import { pageBytes, readPage, writePage } from './partition/page.ts'
import {
  decodeState,
  encodeState,
  firstMapsAt,
  type Geometry,
  geometryObjection,
  type MirrorState,
  type StateRecord,
} from './partition/state-record.ts'

/** Costs a page write per first touch; 4 MiB with 256 of them hot was the cheapest of those measured (mirror.md). */
export const defaultRegionBytes = 4_194_304
/** What a resync copies for one changed byte; 1 TiB has 2 MiB of such bits. */
export const defaultBlockBytes = 65_536

const blocksOf = ({ dataBytes, blockBytes }: Geometry): number => Math.ceil(dataBytes / blockBytes)
const regionsOf = ({ dataBytes, regionBytes }: Geometry): number => Math.ceil(dataBytes / regionBytes)

/** The copies of the state, far enough apart that no single write of a device touches both. */
const stateAt = [0, 65_536] as const
/** Of one copy of the maps; the second follows it. */
const mapsBytes = (geometry: Geometry): number =>
  (pagesFor(regionsOf(geometry)) + pagesFor(blocksOf(geometry))) * pageBytes

/** How large the partition must be. */
export const clusterPartitionBytes = (geometry: Geometry): number => firstMapsAt + 2 * mapsBytes(geometry)

export type OpenedPartition =
  | { readonly is: 'usable'; readonly partition: ClusterPartition }
  | { readonly is: 'unusable'; readonly because: string }

const freshState: MirrorState = {
  role: 'idle',
  isConsistent: false,
  epoch: 0,
  boot: '',
  generations: noGenerations,
  copyOf: null,
  copyTo: null,
}

export class ClusterPartition {
  readonly #disk: Disk
  readonly #format: bigint
  readonly #page = Buffer.alloc(pageBytes)
  #geometry: Geometry
  #mapsAt: number
  #intent: MarkMap
  #dirty: MarkMap
  #state: MirrorState
  /** Of the newest state that is durable: one whose flush failed is written over by the next, never the one before it. */
  #version: bigint

  private constructor(disk: Disk, found: FoundState, make: typeof MarkMap.open) {
    this.#disk = disk
    this.#geometry = found.geometry
    this.#mapsAt = found.mapsAt
    this.#format = found.format
    this.#state = found.state
    this.#version = found.version
    const places = this.#places(found)
    this.#intent = make(places.intent, regionsOf(found.geometry))
    this.#dirty = make(places.dirty, blocksOf(found.geometry))
  }

  get geometry(): Geometry {
    return this.#geometry
  }

  /** Regions that are being written. Another one after `grow`: nobody keeps it. */
  get intent(): MarkMap {
    return this.#intent
  }

  /** Blocks that the other side lacks. Another one after `grow`: nobody keeps it. */
  get dirty(): MarkMap {
    return this.#dirty
  }

  /** Forgets everything that was there. `format` is a random number: pages of earlier formattings do not have it. */
  static format(disk: Disk, geometry: Geometry, format: bigint): OpenedPartition {
    const objection = geometryObjection(geometry) ?? spaceObjection(disk, geometry)
    if (objection !== null) return { is: 'unusable', because: objection }
    // No state of an earlier formatting may speak for maps of this one, nor for half of them.
    for (const at of stateAt) disk.write(at, new Uint8Array(pageBytes))
    disk.flush()
    const partition = new ClusterPartition(
      disk,
      { geometry, format, mapsAt: firstMapsAt, state: freshState, version: 0n },
      MarkMap.format,
    )
    disk.flush()
    partition.save(freshState)
    partition.save(freshState)
    return { is: 'usable', partition }
  }

  static open(disk: Disk): OpenedPartition {
    const found = newestState(disk)
    if (typeof found === 'string') return { is: 'unusable', because: found }
    const objection = spaceObjection(disk, found.geometry, found.mapsAt)
    if (objection !== null) return { is: 'unusable', because: objection }
    return { is: 'usable', partition: new ClusterPartition(disk, found, MarkMap.open) }
  }

  get state(): MirrorState {
    return this.#state
  }

  /** How often it was saved, in all its life: a copy that was restored from a backup shows fewer than were seen before. */
  get saves(): number {
    return Number(this.#version)
  }

  /** The count goes on from there at least, and keeps its parity: the next save must not go over the newest copy. */
  readonly countFrom = (saves: number): void => {
    const parity = this.#version % 2n
    const from = BigInt(saves)
    if (from > this.#version) this.#version = from % 2n === parity ? from : from + 1n
  }

  /** On disk when it returns. @throws DiskTrouble: then either of the two may be there. */
  readonly save = (next: MirrorState): void =>
    this.#save({ geometry: this.#geometry, mapsAt: this.#mapsAt, state: next })

  /** How large the partition must be for a mirror of so many bytes. */
  readonly bytesToGrow = (dataBytes: number): number => {
    const geometry = { ...this.#geometry, dataBytes }
    // Those that are in use stay where they are until the new ones count.
    return Math.max(clusterPartitionBytes(this.#geometry), this.#mapsAtFor(geometry) + 2 * mapsBytes(geometry))
  }

  /** Why a mirror of so many bytes cannot be made of this one; null when it can. @throws DiskTrouble */
  readonly objectionToGrow = (dataBytes: number): string | null => {
    if (dataBytes < this.#geometry.dataBytes)
      return `a mirror of ${this.#geometry.dataBytes} bytes does not shrink to ${dataBytes}`
    const [has, needed] = [this.#disk.measure(), this.bytesToGrow(dataBytes)]
    if (has < needed) return `the cluster partition has ${has} bytes, ${needed} are needed`
    return geometryObjection({ ...this.#geometry, dataBytes })
  }

  /**
   * So much is mirrored from here on; nothing of what is added is marked. The maps are written anew beside those that
   * are in use, and count once the state names them: a crash leaves the one size with its maps or the other with its.
   * Null when done. @throws DiskTrouble: then either may be there, and this side must mark nothing any more.
   */
  readonly grow = (dataBytes: number): string | null => {
    const objection = this.objectionToGrow(dataBytes)
    if (objection !== null || dataBytes === this.#geometry.dataBytes) return objection
    const geometry = { ...this.#geometry, dataBytes }
    const mapsAt = this.#mapsAtFor(geometry)
    const places = this.#places({ geometry, mapsAt, format: this.#format })
    const intent = this.#intent.moved(places.intent, regionsOf(geometry))
    const dirty = this.#dirty.moved(places.dirty, blocksOf(geometry))
    this.#disk.flush()
    const former = { at: this.#mapsAt, length: 2 * mapsBytes(this.#geometry) }
    this.#save({ geometry, mapsAt, state: this.#state })
    this.#geometry = geometry
    this.#mapsAt = mapsAt
    this.#intent = intent
    this.#dirty = dirty
    // Whoever should read the older state yet must not find marks of long ago: what cannot be read is all marked.
    writeZeros(this.#disk, former.at, former.length)
    return null
  }

  /** Before the maps that are in use where they fit, else behind them. */
  readonly #mapsAtFor = (geometry: Geometry): number =>
    firstMapsAt + 2 * mapsBytes(geometry) <= this.#mapsAt ? firstMapsAt : this.#mapsAt + 2 * mapsBytes(this.#geometry)

  readonly #places = ({ geometry, mapsAt, format }: Pick<FoundState, 'geometry' | 'mapsAt' | 'format'>) => {
    const placeOf = (kind: 'intent' | 'dirty', page: number) => {
      const at = mapsAt + page * pageBytes
      return { disk: this.#disk, kind, format, at: [at, at + mapsBytes(geometry)] as const }
    }
    return { intent: placeOf('intent', 0), dirty: placeOf('dirty', pagesFor(regionsOf(geometry))) }
  }

  readonly #save = (record: StateRecord): void => {
    const version = this.#version + 1n
    writePage(this.#page, { kind: 'state', index: 0, format: this.#format }, version, encodeState(record))
    this.#disk.write(stateAt[version % 2n === 0n ? 0 : 1], this.#page)
    this.#disk.flush()
    this.#version = version
    this.#state = record.state
  }
}

type FoundState = StateRecord & { readonly format: bigint; readonly version: bigint }

const newestState = (disk: Disk): FoundState | string => {
  if (disk.size < firstMapsAt) return `${disk.size} bytes are too few for a cluster partition`
  const [first, second] = [stateIn(disk, stateAt[0]), stateIn(disk, stateAt[1])]
  if (first && second && first.format !== second.format) return 'its two states are of different formattings'
  if (first && second) return first.version > second.version ? first : second
  return first ?? second ?? 'neither copy of the state can be read: format it anew, and copy the data in full'
}

const stateIn = (disk: Disk, at: number): FoundState | null => {
  const page = Buffer.alloc(pageBytes)
  disk.read(at, page)
  const read = readPage(page, { kind: 'state', index: 0, format: null })
  const record = read && decodeState(read.content)
  return record && { ...record, format: read.format, version: read.version }
}

const spaceObjection = (disk: Disk, geometry: Geometry, mapsAt = firstMapsAt): string | null => {
  const needed = mapsAt + 2 * mapsBytes(geometry)
  return disk.size >= needed ? null : `the cluster partition has ${disk.size} bytes, ${needed} are needed`
}
