/** The two partitions of one side as its process holds them: open, readable, of this mirror; and what makes them so. */
import type { World } from '../../world/world.ts'
import { ClusterPartition, type OpenedPartition } from '../cluster-partition.ts'
import { type Disk, DiskTrouble, oneByOne } from '../disk.ts'
import { dataGeneration, mirrorId, noGenerations } from '../generations.ts'
import type { Geometry } from '../partition/state-record.ts'
import type { Ground } from './ground.ts'
import { randomHex } from './random-hex.ts'
import type { FormatOrder, MirrorSettings, VoidOrder } from './settings.ts'

type FormatWish = Omit<FormatOrder, 'do' | 'id' | 'saves'> & { readonly saves?: number }

export class HeldDisks {
  readonly data: Disk
  readonly #metadata: Disk
  readonly #settings: MirrorSettings
  #opened: OpenedPartition

  /** @throws DiskTrouble */
  constructor({ openDisk }: Pick<Ground, 'openDisk'>, settings: MirrorSettings) {
    const { data, metadata, direct, exclusive } = settings
    this.#settings = settings
    this.data = openDisk(data, { direct, exclusive })
    let claimed: Disk | null = null
    try {
      claimed = openDisk(metadata, { direct, exclusive })
      this.#metadata = clusterPartition(claimed)
      // What a process wrote that died before its flush can be read, and lost with the power: nobody may be told of it before.
      this.#metadata.flush()
      this.#opened = ClusterPartition.open(this.#metadata)
    } catch (trouble) {
      // What is kept open would be in use when it is tried again.
      claimed?.close()
      this.data.close()
      throw trouble
    }
  }

  /** Why nothing can be served or followed with it; null when it can. */
  get objection(): string | null {
    const { data, metadata, mirror } = this.#settings
    if (this.#opened.is === 'unusable') return `${metadata}: ${this.#opened.because}`
    const { geometry } = this.#opened.partition
    if (geometry.mirror !== mirror) return `${metadata} belongs to mirror ${geometry.mirror}, not ${mirror}`
    return geometry.dataBytes > this.data.size
      ? `${data} has ${this.data.size} bytes, the mirror ${geometry.dataBytes}`
      : null
  }

  /** Of whichever mirror; null when none can be read. */
  get found(): ClusterPartition | null {
    return this.#opened.is === 'usable' ? this.#opened.partition : null
  }

  /** Of this mirror, and fit to be used; null otherwise. */
  get partition(): ClusterPartition | null {
    return this.objection === null ? this.found : null
  }

  /** Forgets whatever the cluster partition knew. Null when done; otherwise why not. @throws DiskTrouble */
  readonly format = (world: Pick<World, 'random'>, wish: FormatWish): string | null => {
    const { generation, dataBytes, blockBytes, regionBytes, saves = 0 } = wish
    const geometry: Geometry = { mirror: mirrorId(this.#settings.mirror), dataBytes, blockBytes, regionBytes }
    if (dataBytes > this.data.size) return `${this.#settings.data} has ${this.data.size} bytes, not ${dataBytes}`
    const made = ClusterPartition.format(this.#metadata, geometry, BigInt(`0x${randomHex(world, 8)}`))
    if (made.is === 'unusable') return `${this.#settings.metadata}: ${made.because}`
    made.partition.countFrom(saves)
    if (generation === null) made.partition.save(made.partition.state)
    else {
      const generations = { ...noGenerations, current: dataGeneration(generation) }
      made.partition.save({ ...made.partition.state, isConsistent: true, generations })
    }
    this.#opened = made
    return null
  }

  /**
   * This copy is from the past: what it claimed is void. In an order that a crash may cut off anywhere: not consistent
   * first, then the marks, last what makes it an ancestor that is brought up by its marks. @throws DiskTrouble
   */
  readonly void = ({ generation, epoch, saves, runs }: Omit<VoidOrder, 'do' | 'id'>): string | null => {
    const { partition } = this
    if (partition === null) return this.objection
    const { blockBytes, dataBytes } = partition.geometry
    const beyond = runs.find(({ at, length }) => at + length > Math.ceil(dataBytes / blockBytes) * blockBytes)
    if (beyond) return `it mirrors ${dataBytes} bytes, and lacks something at ${beyond.at}: it has to grow first`
    // Not active either: a side that was may be served although it is not whole.
    partition.save({ ...partition.state, role: 'idle', isConsistent: false, copyOf: null, copyTo: null })
    for (const { at, length } of runs) {
      const first = Math.floor(at / blockBytes)
      partition.dirty.addRange(first, Math.ceil((at + length) / blockBytes) - first)
    }
    partition.dirty.store()
    const current = generation === null ? null : dataGeneration(generation)
    partition.countFrom(saves)
    partition.save({
      ...partition.state,
      epoch: Math.max(epoch, partition.state.epoch),
      generations: { ...partition.state.generations, current, base: null, pending: null },
    })
    return null
  }

  /** How large both partitions are by now, and how large the cluster partition must be for all of the data partition. */
  readonly measure = (): { dataBytes: number; metadataBytes: number; neededBytes: number; mirroredBytes: number } => {
    const dataBytes = this.data.measure()
    const { found } = this
    return {
      dataBytes,
      metadataBytes: this.#metadata.measure(),
      neededBytes: found === null ? 0 : found.bytesToGrow(Math.max(dataBytes, found.geometry.dataBytes)),
      mirroredBytes: found?.geometry.dataBytes ?? 0,
    }
  }

  readonly close = (): void => {
    for (const disk of [this.data, this.#metadata]) disk.close()
  }
}

/** In words: why they cannot be held. */
export const held = (ground: Ground, settings: MirrorSettings): HeldDisks | string => {
  try {
    return new HeldDisks(ground, settings)
  } catch (trouble) {
    if (trouble instanceof DiskTrouble) return trouble.message
    throw trouble
  }
}

/** The same disk; where on it something failed is no place of the data partition, and must not be taken for one. */
const clusterPartition = (disk: Disk): Disk => {
  const attempt = (what: string, run: () => void): void => {
    try {
      run()
    } catch (error) {
      throw error instanceof DiskTrouble ? new DiskTrouble('the cluster partition', what, error) : error
    }
  }
  const partition: Disk = {
    get size() {
      return disk.size
    },
    measure: disk.measure,
    blockBytes: disk.blockBytes,
    read: (at, into) => attempt('read', () => disk.read(at, into)),
    write: (at, bytes) => attempt('write', () => disk.write(at, bytes)),
    transfer: (transfers) => oneByOne(partition, transfers),
    flush: () => attempt('flush', disk.flush),
    trim: (at, length) => attempt('trim', () => disk.trim(at, length)),
    zero: (at, length) => attempt('zero', () => disk.zero(at, length)),
    close: disk.close,
  }
  return partition
}
