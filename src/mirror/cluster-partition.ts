/**
 * What a side of a mirror remembers, on a partition of its own: state, intent map and dirty bitmap. Everything that
 * changes has two copies that are written in turn; a write that is torn at any byte leaves what was before it.
 * Layout: docs/mirror-formats.md.
 */
import type { Disk } from './disk.ts'
import { noGenerations } from './generations.ts'
import { MarkMap, pagesFor } from './partition/mark-map.ts'
import { pageBytes, readPage, writePage } from './partition/page.ts'
import {
  decodeState,
  encodeState,
  type Geometry,
  geometryObjection,
  type MirrorState,
} from './partition/state-record.ts'

/** Costs a page write per first touch; 4 MiB with 256 of them hot was the cheapest of those measured (mirror.md). */
export const defaultRegionBytes = 4_194_304
/** What a resync copies for one changed byte; 1 TiB has 2 MiB of such bits. */
export const defaultBlockBytes = 65_536

const blocksOf = ({ dataBytes, blockBytes }: Geometry): number => Math.ceil(dataBytes / blockBytes)
const regionsOf = ({ dataBytes, regionBytes }: Geometry): number => Math.ceil(dataBytes / regionBytes)

/** The copies of the state, far enough apart that no single write of a device touches both. */
const stateAt = [0, 65_536] as const
/** The first copy of the maps; the second follows it. */
const mapsAt = 131_072
const mapPages = (geometry: Geometry): number => pagesFor(regionsOf(geometry)) + pagesFor(blocksOf(geometry))

/** How large the partition must be. */
export const clusterPartitionBytes = (geometry: Geometry): number => mapsAt + 2 * mapPages(geometry) * pageBytes

export type OpenedPartition =
  | { readonly is: 'usable'; readonly partition: ClusterPartition }
  | { readonly is: 'unusable'; readonly because: string }

const freshState: MirrorState = { role: 'idle', isConsistent: false, epoch: 0, boot: '', generations: noGenerations }

export class ClusterPartition {
  readonly geometry: Geometry
  readonly intent: MarkMap
  readonly dirty: MarkMap
  readonly #disk: Disk
  readonly #format: bigint
  readonly #page = Buffer.alloc(pageBytes)
  #state: MirrorState
  #version: bigint

  private constructor(disk: Disk, found: FoundState, make: typeof MarkMap.open) {
    this.#disk = disk
    this.geometry = found.geometry
    this.#format = found.format
    this.#state = found.state
    this.#version = found.version
    const copyBytes = mapPages(found.geometry) * pageBytes
    const placeOf = (kind: 'intent' | 'dirty', page: number) => ({
      disk,
      kind,
      format: found.format,
      at: [mapsAt + page * pageBytes, mapsAt + copyBytes + page * pageBytes] as const,
    })
    const regions = regionsOf(found.geometry)
    this.intent = make(placeOf('intent', 0), regions)
    this.dirty = make(placeOf('dirty', pagesFor(regions)), blocksOf(found.geometry))
  }

  /** Forgets everything that was there. `format` is a random number: pages of earlier formattings do not have it. */
  static format(disk: Disk, geometry: Geometry, format: bigint): OpenedPartition {
    const objection = geometryObjection(geometry) ?? spaceObjection(disk, geometry)
    if (objection !== null) return { is: 'unusable', because: objection }
    // No state of an earlier formatting may speak for maps of this one, nor for half of them.
    for (const at of stateAt) disk.write(at, new Uint8Array(pageBytes))
    disk.flush()
    const partition = new ClusterPartition(disk, { geometry, format, state: freshState, version: 0n }, MarkMap.format)
    disk.flush()
    partition.save(freshState)
    partition.save(freshState)
    return { is: 'usable', partition }
  }

  static open(disk: Disk): OpenedPartition {
    const found = newestState(disk)
    if (typeof found === 'string') return { is: 'unusable', because: found }
    const objection = spaceObjection(disk, found.geometry)
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
  readonly save = (next: MirrorState): void => {
    const version = this.#version + 1n
    const content = encodeState({ geometry: this.geometry, state: next })
    writePage(this.#page, { kind: 'state', index: 0, format: this.#format }, version, content)
    this.#disk.write(stateAt[version % 2n === 0n ? 0 : 1], this.#page)
    this.#version = version
    this.#disk.flush()
    this.#state = next
  }
}

type FoundState = {
  readonly geometry: Geometry
  readonly format: bigint
  readonly state: MirrorState
  readonly version: bigint
}

const newestState = (disk: Disk): FoundState | string => {
  if (disk.size < mapsAt) return `${disk.size} bytes are too few for a cluster partition`
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

const spaceObjection = (disk: Disk, geometry: Geometry): string | null => {
  const needed = clusterPartitionBytes(geometry)
  return disk.size >= needed ? null : `the cluster partition has ${disk.size} bytes, ${needed} are needed`
}
