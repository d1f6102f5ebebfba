/** A cluster with one mirror disk, written to all the time; what was acknowledged is held against what is there. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFile, open, readFile, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { MonitorVerdict } from '../../../src/events/index.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import { monitorOn } from '../../../src/projections/monitors.ts'
import type { Lab } from '../lab/lab.ts'
import type { LoopDevice } from '../lab/loop-device.ts'
import { now, until } from '../lab/until.ts'
import { type Cluster, createCluster, settleMs } from './cluster.ts'
import type { ClusterOptions, Part } from './configuration.ts'
import { attachMirrorDisks, type MirrorDiskOptions, type MirrorDisks, partitionsOf } from './mirror-disks.ts'
import { pidsWith } from './voter-processes.ts'

const execute = promisify(execFile)
const writer = new URL('../lab/block-writer.pl', import.meta.url).pathname

export const mirror = 'db.data'
export const mountPoint = '/run/db'
const blocks = 1024
/** First copies, resyncs and takeovers with them, on a busy machine. */
export const mirrorMs = 2 * settleMs

/** Until an operator looks at what does not become well by itself. */
const byHandMs = 20_000

export type MirrorOptions = Omit<ClusterOptions, 'groups'> & {
  readonly sizeMiB?: number
  /** Of the resource `data`. */
  readonly data?: Part
  /** Of servers whose data partition is on a disk of another kind. */
  readonly dataOn?: MirrorDiskOptions['dataOn']
  /** Instead of the writer of blocks: what runs on the disk. */
  readonly resources?: Readonly<Record<string, Part>>
}

/** M7: the state of the mirror, and its connects; they only tell. */
const often = { target: { group: 'db', resource: 'data' }, interval: '500ms', retries: 0 }
export const mirrorMonitors: Readonly<Record<string, Part>> = {
  state: { type: 'mdw', ...often },
  connect: { type: 'mdnw', ...often },
}

export class MirrorCluster {
  /** To see that writing goes on. */
  readonly enough: number = 20
  readonly cluster: Cluster
  readonly disks: MirrorDisks

  constructor(cluster: Cluster, disks: MirrorDisks) {
    this.cluster = cluster
    this.disks = disks
  }

  static async create(lab: Lab, options: MirrorOptions = {}): Promise<MirrorCluster> {
    const { sizeMiB = 48, data = {}, dataOn = {}, resources = writing, ...others } = options
    const disks = await attachMirrorDisks(lab, { sizeMiB, dataOn })
    const disk = {
      ...{ type: 'md', ...partitionsOf(disks), mountPoint, port: 29_050 },
      ...{ fileSystem: 'ext4', mkfs: true, activation: { timeout: '40s' }, deactivation: { timeout: '15s' }, ...data },
    }
    const groups = { db: { servers: ['s1', 's2'], resources: { data: disk, ...resources } } }
    return new MirrorCluster(await createCluster(lab, { ...others, groups }), disks)
  }

  async start(): Promise<void> {
    await this.cluster.start()
    await this.waitUntilOnline('s1')
    await this.waitUntilWhole()
  }

  async waitUntilOnline(server: string): Promise<void> {
    await this.cluster.waitUntilOnline('db', server, { withinMs: mirrorMs })
  }

  async waitUntilWhole(): Promise<void> {
    await until(async () => (await this.mirror())?.stale === null, mirrorMs, 'the mirror to be whole')
  }

  /** Of monitors, by their names, on the server that serves. */
  async waitForVerdicts(wanted: Readonly<Record<string, MonitorVerdict>>): Promise<void> {
    const server = await this.owner()
    const isSo = async () => {
      const { monitors } = (await this.cluster.status(server)).state
      return Object.entries(wanted).every(([name, verdict]) => monitorOn(monitors, name, server).verdict === verdict)
    }
    await until(isSo, mirrorMs, `monitors of the mirror to say ${JSON.stringify(wanted)}`)
  }

  async waitUntilBroken(): Promise<void> {
    await until(async () => (await this.mirror())?.stale != null, mirrorMs, 'the mirror to be broken')
  }

  async owner(): Promise<string> {
    return until(() => this.ownerNow(), mirrorMs, 'a server to own db')
  }

  /** Null while nobody does, or nobody can say. */
  async ownerNow(): Promise<string | null> {
    return this.cluster.ownerOf('db').catch(() => null)
  }

  /** Of the torture alone: when a fault begins is part of what is tried. */
  async pause(ms: number): Promise<void> {
    await setTimeout(ms)
  }

  /**
   * Both servers are up, one serves, and both copies are whole. By hand, as an operator would: a server that was stopped by a
   * final action, since something could not be stopped there, and a group that has failed are started, one that goes on with
   * the other server's disk is moved there, a side that is split off is taken back, and a group whose recovery has come to
   * its end (by default at the fourth failure in ten minutes, with nowhere to fail over to) is stopped and started.
   */
  async waitUntilWell(): Promise<void> {
    let lookedAt = now()
    const byHand = (...args: readonly string[]) => this.cluster.baton('s1', ['group', ...args], { timeoutMs: 30_000 })
    const isWell = async () => {
      const { state } = await this.cluster.status('s1')
      const ownership = state.groups.db?.ownership
      const stopped = Object.values(state.servers.byName).filter(({ stopOrdered }) => stopOrdered)
      for (const { name } of stopped) await this.cluster.baton('s1', ['server', 'start', name], { timeoutMs: 30_000 })
      if (ownership?.status !== 'assigned' || stopped.length > 0) return false
      if (ownership.phase === 'failed') await byHand('start', 'db')
      const isOnline = ownership.phase === 'online'
      const known = mirrorOf(state.mirrors, mirror)
      const monitors = Object.entries(state.monitors).flatMap(([name, { servers }]) =>
        name.startsWith('db.') ? [servers[ownership.server]] : [],
      )
      if (isOnline && known?.stale === null && monitors.every((one) => one?.verdict !== 'error')) return true
      if (known?.split) await this.cluster.baton('s1', ['mirror', 'rejoin', mirror], { timeoutMs: 30_000 })
      if (isOnline && known?.detached?.server === ownership.server)
        await byHand('move', 'db', '--to', known.current ?? '')
      if (isOnline && monitors.some((one) => one?.suppressed != null) && now() - lookedAt > byHandMs) {
        lookedAt = now()
        await byHand('stop', 'db')
        await byHand('start', 'db')
      }
      return false
    }
    await until(isWell, 2 * mirrorMs, 'the group to be online and the mirror to be whole')
  }

  async signalPlane(server: string, signal: NodeJS.Signals): Promise<void> {
    const pids = await pidsWith(this.cluster.host(server), (line) => line.includes(' mirror-disk --config '))
    expect(pids, 'data planes').toHaveLength(1)
    for (const pid of pids) process.kill(pid, signal)
  }

  /** Of data planes, told on the log. */
  async waitForDeaths(count: number): Promise<void> {
    const areTold = async () => (await this.cluster.events('MirrorProcessDied')).length >= count
    await until(areTold, mirrorMs, `${count} deaths of data planes on the log`)
  }

  /** As a server that is on knows it. */
  async mirror() {
    const server = this.cluster.servers.find((name) => this.cluster.host(name).isOn)
    return server === undefined ? null : mirrorOf((await this.cluster.status(server)).state.mirrors, mirror)
  }

  /** Numbers by block that a program was told to be safe, whichever server it ran on. */
  async acknowledged(): Promise<Blocks> {
    const latest = new Map<number, number>()
    for (const server of this.cluster.servers) {
      const path = join(this.cluster.host(server).stateDirectory, 'acknowledged')
      for (const [block, number] of pairsIn(await readFile(path, 'utf8').catch(() => '')))
        latest.set(block, Math.max(number, latest.get(block) ?? 0))
    }
    return latest
  }

  /** What was acknowledged so far counts no more. */
  async forgetAcknowledged(): Promise<void> {
    for (const server of this.cluster.servers)
      await truncate(join(this.cluster.host(server).stateDirectory, 'acknowledged')).catch(() => undefined)
  }

  /** The same, and it is written: what struck last may show late. */
  async waitUntilServing(): Promise<void> {
    const before = await this.written()
    const isServing = async () => {
      await this.waitUntilWell()
      return (await this.written()) >= before + this.enough
    }
    await until(isServing, 2 * mirrorMs, 'the group to be well, and something more to be written')
  }

  /** How much was acknowledged so far: blocks. */
  async written(): Promise<number> {
    return Math.max(0, ...(await this.acknowledged()).values())
  }

  async waitUntilWritten(more = this.enough): Promise<void> {
    const before = await this.written()
    await until(async () => (await this.written()) >= before + more, mirrorMs, 'something more to be written')
  }

  /** Every block that was acknowledged is there, or a newer one; by default where it is served. Answers how many were looked at. */
  async expectNothingLost(server?: string): Promise<number> {
    const acknowledged = await this.acknowledged()
    // What a fault has left may show late, and take the group down once more.
    const read = async () => this.#blocksIn(server ?? (await this.owner()), `${mountPoint}/blocks`)
    return expectBlocks(await until(read, mirrorMs, 'the blocks to be read'), acknowledged)
  }

  /**
   * The copy of a server that is split off, read as a backup would: by an NBD client. As after a crash, the journal of the
   * file system is played back; then it is clean, and every block is there that was acknowledged before.
   */
  async expectInSnapshot(server: string, acknowledged: Blocks): Promise<void> {
    const host = this.cluster.host(server)
    const uri = 'nbd+unix:///?socket=/var/lib/baton/log/db.data.mirror.nbd'
    const [image, blocks] = ['/var/lib/baton/snapshot', '/var/lib/baton/snapshot-blocks']
    const exposed = async () => JSON.parse(await host.ok(['nbdinfo', '--json', uri])).exports
    const [found] = await until(exposed, mirrorMs, `the copy of ${server} to be exposed`)
    expect(found).toMatchObject({ is_read_only: true })
    await host.ok(['nbdcopy', uri, image])
    // 1: something was corrected, which is the journal's doing.
    expect((await host.run(['fsck.ext4', '-p', image])).code).toBeLessThanOrEqual(1)
    await host.ok(['fsck.ext4', '-f', '-n', image])
    await host.ok(['debugfs', '-R', `dump /blocks ${blocks}`, image])
    const count = expectBlocks(await this.#blocksIn(server, blocks), acknowledged)
    expect(count, 'blocks before the split').toBeGreaterThan(0)
    await host.ok(['rm', image, blocks])
  }

  async #blocksIn(server: string, file: string): Promise<Blocks> {
    return new Map(pairsIn(await this.cluster.host(server).ok(['perl', writer, 'read', file])))
  }

  /** The last one that has begun. */
  async lastResync() {
    return (await this.cluster.events('MirrorResyncStarted')).at(-1)?.data
  }

  /** What is added to the data partition of a server is no zeros: an administrator gives what he has. */
  async enlarge(server: string, byMiB: number): Promise<void> {
    const [data] = this.#partitions(server)
    if (data === undefined) throw new Error(`${server} has no disks`)
    await appendFile(data.file, Buffer.alloc(byMiB * 1_048_576, server))
    await execute('losetup', ['--set-capacity', data.device])
  }

  /** What writes to the data partition of a server is refused; reads go on. */
  async failWrites(server: string): Promise<void> {
    await this.#blockdev(server, '--setro')
  }
  async mendWrites(server: string): Promise<void> {
    await this.#blockdev(server, '--setrw')
  }

  async #blockdev(server: string, option: '--setro' | '--setrw'): Promise<void> {
    const [data] = this.#partitions(server)
    if (data === undefined) throw new Error(`${server} has no disks`)
    await execute('blockdev', [option, data.device])
  }

  /** One block of its data partition near the end is another one now, and nobody was told. */
  async corrupt(server: string): Promise<void> {
    const [data] = this.#partitions(server)
    if (data === undefined) throw new Error(`${server} has no disks`)
    const disk = await open(data.device, 'r+')
    await disk.write(randomBytes(4096), 0, 4096, (data.sizeMiB - 1) * 1_048_576)
    await disk.sync()
    await disk.close()
  }

  async fileSystemMiB(server: string): Promise<number> {
    const size = await this.cluster.host(server).ok(['df', '--output=size', '-B1M', mountPoint])
    return Number(size.trim().split('\n').at(-1))
  }

  /** Both partitions of a server as they are; the group is stopped, so that they are of one moment. */
  async backUp(server: string): Promise<readonly Buffer[]> {
    return Promise.all(this.#partitions(server).map(({ file }) => readFile(file)))
  }

  /** While the server is off. */
  async restore(server: string, backup: readonly Buffer[]): Promise<void> {
    for (const [index, { device }] of this.#partitions(server).slice(0, backup.length).entries()) {
      const content = backup[index]
      if (content === undefined) throw new Error(`no backup of ${device}`)
      const disk = await open(device, 'r+')
      await disk.writeFile(content)
      await disk.sync()
      await disk.close()
      await execute('blockdev', ['--flushbufs', device])
    }
  }

  /** Its data partition, as one that was in use for long: something else in every block. */
  async fillWithRubbish(server: string): Promise<void> {
    const [data] = this.#partitions(server)
    if (data === undefined) throw new Error(`${server} has no disks`)
    await this.restore(server, [randomBytes(data.sizeMiB * 1_048_576)])
  }

  /** While the server is off: nothing is on either partition any more. */
  async wipe(server: string): Promise<void> {
    const sizes = await Promise.all(this.#partitions(server).map(({ file }) => stat(file)))
    await this.restore(
      server,
      sizes.map(({ size }) => Buffer.alloc(size)),
    )
  }

  #partitions(server: string): readonly LoopDevice[] {
    const disks = this.disks[server]
    if (disks === undefined) throw new Error(`${server} has no disks`)
    return [disks.data, disks.metadata]
  }

  /** Stopped, both images are the same, byte for byte, and the file system is clean. It stays stopped. */
  async expectEqualAndClean(
    [program, ...options]: readonly [string, ...string[]] = ['fsck.ext4', '-f', '-n'],
  ): Promise<void> {
    const isStoppedWhole = async () => {
      await this.waitUntilWhole()
      await this.cluster.doSoon('s1', ['group', 'stop', 'db'], mirrorMs)
      // Asynchronously its last writes may have left the other side behind.
      if ((await this.mirror())?.stale === null) return true
      await this.cluster.doSoon('s1', ['group', 'start', 'db'], mirrorMs)
      return false
    }
    await until(isStoppedWhole, 2 * mirrorMs, 'the group to stop with both copies whole')
    const images = Object.values(this.disks).map(({ data }) => data)
    for (const { device, file } of images) {
      await execute('blockdev', ['--flushbufs', device])
      await execute(program, [...options, file])
    }
    // What was added, and not taken in by a resize, is not mirrored.
    const mirrored = (await this.mirror())?.dataBytes ?? Math.min(...images.map(({ sizeMiB }) => sizeMiB * 1_048_576))
    await execute('cmp', ['--bytes', `${mirrored}`, ...images.map(({ file }) => file)])
  }
}

/** The number in each block. */
type Blocks = ReadonlyMap<number, number>

const expectBlocks = (found: Blocks, acknowledged: Blocks): number => {
  const lost = [...acknowledged].filter(([block, number]) => (found.get(block) ?? 0) < number)
  expect(lost, 'blocks that were acknowledged and are lost').toEqual([])
  return acknowledged.size
}

const pairsIn = (text: string): readonly (readonly [number, number])[] =>
  // The last line may be half written: a power-off comes at any time.
  text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => {
      const [block, number] = line.split(' ').map(Number)
      return block === undefined || number === undefined || Number.isNaN(number) ? [] : [[block, number] as const]
    })

const writing: Readonly<Record<string, Part>> = {
  writer: {
    type: 'exec',
    after: ['data'],
    start: `exec perl ${writer} write ${mountPoint}/blocks ${blocks} /var/lib/baton/acknowledged`,
    activation: { timeout: '10s' },
    deactivation: { timeout: '5s' },
  },
}
