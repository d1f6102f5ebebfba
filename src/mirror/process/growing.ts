/** The one growth that may be under way in a data plane, whatever it does besides; and why the last one failed. */
import type { World } from '../../world/world.ts'
import { DiskTrouble } from '../disk.ts'
import { Growth, objectionToGrow } from '../engine/growth.ts'
import type { HeldDisks } from './held-disks.ts'

export type GrowingPort = {
  readonly clock: World['clock']
  /** So much is mirrored from here on. */
  readonly grown: (dataBytes: number) => void
  /** What is marked from here on may not be found again. */
  readonly doubtful: (because: string) => void
}

/** Whoever wants it grown says so again and again; a disk that has refused is not written to as often. */
const pauseMs = 30_000

export class Growing {
  readonly #port: GrowingPort
  #growth: Growth | null = null
  #failure: { readonly because: string; readonly at: number } | null = null

  constructor(port: GrowingPort) {
    this.#port = port
  }

  /** Null: it grows, or has so much already. Otherwise why not. */
  readonly to = ({ data, partition, objection }: HeldDisks, dataBytes: number): string | null => {
    const { clock } = this.#port
    if (partition === null) return objection ?? 'the cluster partition cannot be used'
    if (dataBytes === partition.geometry.dataBytes || this.#growth !== null) return null
    if (this.#failure !== null && clock.now() - this.#failure.at < pauseMs) return null
    this.#failure = null
    const because = tried(() => objectionToGrow({ data, partition }, dataBytes))
    if (because === null)
      this.#growth = new Growth({
        clock,
        data,
        partition,
        dataBytes,
        ended: (...end) => this.#ended(dataBytes, ...end),
      })
    else this.#failure = { because, at: clock.now() }
    return because
  }

  get status(): { readonly doneBytes: number; readonly totalBytes: number; readonly because: string | null } | null {
    if (this.#failure !== null) return { doneBytes: 0, totalBytes: 0, because: this.#failure.because }
    return this.#growth && { ...this.#growth.progress, because: null }
  }

  /** Asked when it is ordered anew: why it failed before is no answer to that, and it is tried at once. */
  readonly measure = (disks: Pick<HeldDisks, 'measure'>): ReturnType<HeldDisks['measure']> => {
    this.#failure = null
    return disks.measure()
  }

  /** What it was to grow is written anew, or let go of. */
  readonly stop = (): void => {
    this.#growth?.stop()
    this.#growth = null
    this.#failure = null
  }

  readonly #ended = (dataBytes: number, because: string | null, isDoubtful: boolean): void => {
    this.#growth = null
    if (because === null) this.#port.grown(dataBytes)
    else this.#failure = { because, at: this.#port.clock.now() }
    if (because !== null && isDoubtful) this.#port.doubtful(because)
  }
}

const tried = (look: () => string | null): string | null => {
  try {
    return look()
  } catch (trouble) {
    if (trouble instanceof DiskTrouble) return trouble.message
    throw trouble
  }
}
