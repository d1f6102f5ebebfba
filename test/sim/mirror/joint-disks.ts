/** The partitions of a joint simulation: two on each server; they may fail, and be put back to what they were. */
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { SimulatedDisk } from '../../../src/sim/mirror/block-disk.ts'

/** Calls that fail. */
export type Failing = 'read' | 'write' | 'flush' | 'any'

const metadataBytes = 262_144
const paths = ['/dev/data', '/dev/meta'] as const

export class JointDisks {
  readonly #disks = new Map<string, SimulatedDisk>()
  readonly #failing = new Map<string, Failing>()
  readonly #backups = new Map<string, readonly Uint8Array[]>()

  constructor(servers: readonly string[], dataBytes: number) {
    for (const name of servers) {
      this.#disks.set(`${name}/dev/data`, new SimulatedDisk(dataBytes))
      this.#disks.set(`${name}/dev/meta`, new SimulatedDisk(metadataBytes))
    }
  }

  /** @throws RangeError when there is no such partition: a mistake of the simulation */
  readonly of = (name: string, path: string): SimulatedDisk => {
    const disk = this.#disks.get(`${name}${path}`)
    if (disk === undefined) throw new RangeError(`${name} has no ${path}`)
    return disk
  }

  /** Every call of this kind fails, until it is mended. */
  readonly fail = (name: string, path: string, wanted: Failing): void => {
    this.#failing.set(`${name}${path}`, wanted)
  }
  readonly mend = (name: string, path: string): void => {
    this.#failing.delete(`${name}${path}`)
  }
  readonly mendAll = (): void => this.#failing.clear()

  /** A process makes this call. @throws DiskTrouble */
  readonly touch = (name: string, path: string, call: Exclude<Failing, 'any'>): void => {
    const failing = this.#failing.get(`${name}${path}`)
    if (failing === 'any' || failing === call) throw new DiskTrouble(path, call, 'EIO')
  }

  readonly powerLost = (name: string, isKept: () => boolean): void => {
    for (const path of paths) this.of(name, path).losePower(isKept)
  }

  /** New ones, as they come from somewhere: full of what is nobody's. */
  readonly replace = (name: string, places: readonly string[]): void => {
    for (const path of places) {
      const disk = this.of(name, path)
      disk.damage(0, new Uint8Array(disk.size).fill(0xe7))
    }
  }

  readonly backUp = (name: string): void => {
    this.#backups.set(
      name,
      paths.map((path) => Uint8Array.from(this.of(name, path).content)),
    )
  }
  /** False: there is no backup. */
  readonly restore = (name: string): boolean => {
    const backup = this.#backups.get(name)
    for (const [place, bytes] of (backup ?? []).entries()) this.of(name, paths[place] ?? '').damage(0, bytes)
    return backup !== undefined
  }
}
