/**
 * Takes in what was added to a data partition, whatever this side does meanwhile. What was there before is made zeros,
 * before it is mirrored: both sides do that by themselves, so they are equal in it from the start, and nothing is copied.
 */
import type { Cancel, Clock } from '../../world/world.ts'
import type { ClusterPartition } from '../cluster-partition.ts'
import { type Disk, DiskTrouble } from '../disk.ts'

/** At once: whoever writes meanwhile waits for so much at most, on a disk that has to be written to for it. */
const pieceBytes = 4_194_304

export type GrowthParts = {
  readonly clock: Clock
  readonly data: Disk
  readonly partition: ClusterPartition
  /** What the mirror is to have. */
  readonly dataBytes: number
  /** Null: grown, durably. Otherwise why not. `isDoubtful`: the cluster partition may be either; nothing may be marked on it. */
  readonly ended: (because: string | null, isDoubtful: boolean) => void
}

export class Growth {
  readonly #parts: GrowthParts
  readonly #from: number
  #at: number
  #timer: Cancel = () => {}

  /** Begins at once. */
  constructor(parts: GrowthParts) {
    this.#parts = parts
    this.#from = parts.partition.geometry.dataBytes
    this.#at = this.#from
    this.#timer = parts.clock.after(0, this.#step)
  }

  get progress(): { readonly doneBytes: number; readonly totalBytes: number } {
    return { doneBytes: this.#at - this.#from, totalBytes: this.#parts.dataBytes - this.#from }
  }

  readonly stop = (): void => this.#timer()

  readonly #step = (): void => {
    const { clock, data, partition, dataBytes, ended } = this.#parts
    let isDoubtful = false
    try {
      if (this.#at < dataBytes) {
        const length = Math.min(pieceBytes, dataBytes - this.#at)
        data.trim(this.#at, length)
        this.#at += length
        this.#timer = clock.after(0, this.#step)
        return
      }
      data.flush()
      isDoubtful = true
      const because = partition.grow(dataBytes)
      ended(because, false)
    } catch (error) {
      if (!(error instanceof DiskTrouble)) throw error
      ended(error.message, isDoubtful)
    }
  }
}

/** Why it cannot grow to so much; null when it can. @throws DiskTrouble */
export const objectionToGrow = (
  { data, partition }: Pick<GrowthParts, 'data' | 'partition'>,
  dataBytes: number,
): string | null => {
  const has = data.measure()
  if (has < dataBytes) return `the data partition has ${has} bytes, ${dataBytes} are to be mirrored`
  if (dataBytes % data.blockBytes !== 0) return `${dataBytes} bytes are not whole blocks of ${data.blockBytes}`
  return partition.objectionToGrow(dataBytes)
}
