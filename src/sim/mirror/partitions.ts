/** The partitions of simulated servers, by path: they may fail, be replaced, and be put back to what they were. */
import { DiskTrouble } from '../../mirror/disk.ts'
import { SimulatedDisk } from './block-disk.ts'

/** Calls that fail. */
export type Failing = 'read' | 'write' | 'flush' | 'any'

export class Partitions {
  readonly #disks = new Map<string, Map<string, SimulatedDisk>>()
  readonly #failing = new Map<string, Failing>()
  readonly #backups = new Map<string, ReadonlyMap<string, Uint8Array>>()

  /** Full of zeros. */
  readonly add = (server: string, path: string, bytes: number): void => {
    const own = this.#disks.get(server) ?? new Map<string, SimulatedDisk>()
    this.#disks.set(server, own)
    own.set(path, new SimulatedDisk(bytes))
  }

  readonly find = (server: string, path: string): SimulatedDisk | null => this.#disks.get(server)?.get(path) ?? null

  /** @throws RangeError when there is no such partition: a mistake of the simulation */
  readonly of = (server: string, path: string): SimulatedDisk => {
    const disk = this.find(server, path)
    if (disk === null) throw new RangeError(`${server} has no ${path}`)
    return disk
  }

  /** Every call of this kind fails, until it is mended. */
  readonly fail = (server: string, path: string, wanted: Failing): void => {
    this.#failing.set(`${server}${path}`, wanted)
  }
  readonly mend = (server: string, path: string): void => {
    this.#failing.delete(`${server}${path}`)
  }
  readonly mendAll = (): void => this.#failing.clear()

  /** A process makes this call. @throws DiskTrouble */
  readonly touch = (server: string, path: string, call: Exclude<Failing, 'any'>): void => {
    const failing = this.#failing.get(`${server}${path}`)
    if (failing === 'any' || failing === call) throw new DiskTrouble(path, call, 'EIO')
  }

  readonly powerLost = (server: string, isKept: () => boolean): void => {
    for (const disk of this.#disksOf(server).values()) disk.losePower(isKept)
  }

  /** New ones, as they come from somewhere: full of what is nobody's. */
  readonly replace = (server: string, paths: readonly string[]): void => {
    for (const path of paths) {
      const disk = this.of(server, path)
      disk.damage(0, new Uint8Array(disk.size).fill(0xe7))
    }
  }

  readonly backUp = (server: string): void => {
    const contents = [...this.#disksOf(server)].map(([path, { content }]) => [path, Uint8Array.from(content)] as const)
    this.#backups.set(server, new Map(contents))
  }
  /** False: there is no backup. */
  readonly restore = (server: string): boolean => {
    const backup = this.#backups.get(server)
    for (const [path, bytes] of backup ?? []) this.of(server, path).damage(0, bytes)
    return backup !== undefined
  }

  readonly #disksOf = (server: string): ReadonlyMap<string, SimulatedDisk> => this.#disks.get(server) ?? new Map()
}
