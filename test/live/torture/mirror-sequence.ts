/** One sequence after the other: faults that overlap or follow one another, then everything is well again, and the sums are made. */
import type { Event } from '../../../src/events/index.ts'
import { defaultBlockBytes } from '../../../src/mirror/cluster-partition.ts'
import type { Chance } from '../../properties/liveness/timeline.ts'
import { checksums, markedRegions, usedUnits } from '../cluster/mirror-bounds.ts'
import { type MirrorCluster, mirrorMs } from '../cluster/mirror-cluster.ts'
import { until } from '../lab/until.ts'
import type { MirrorFault, Undo } from './mirror-faults.ts'

/** Small, so that what a crash leaves marked is told from everything. */
export const regionBytes = 1_048_576
const mib = 1_048_576

export type SequenceOptions = {
  /** What was queued may be lost with the side that served. */
  readonly isAsync: boolean
  /** What is written on it stays where it is: what can differ follows from the file system as it is in the end. */
  readonly isInPlace: boolean
}

/** Of a mirror whose group is stopped: both sides are equal. */
type Stopped = {
  /** Regions, on either side. */
  readonly marked: readonly number[]
  /** Blocks in which the file system uses something. */
  readonly used: ReadonlySet<number>
  /** Of each block. */
  readonly sums: readonly number[]
}

const blockBytes = defaultBlockBytes
/**
 * A database makes small files at each start that are the same and in use no more in the end; and maps of what is free change
 * and change back. Neither can be told from what was never written.
 */
const unseenBytes = 8 * mib

export class MirrorSequences {
  readonly #mirrored: MirrorCluster
  readonly #options: SequenceOptions
  /** How often each has begun. */
  readonly ran = new Map<string, number>()
  done = 0
  /** Breaks since more was queued than an asynchronous mirror may hold. */
  overflows = 0
  /** Events before this sequence, whose group has been stopped then. */
  #seen = 0
  /** Resyncs since then that are no fault's doing. */
  #owed = 0
  /** Before this sequence; null: the file system has just been made, and is written anywhere. */
  #before: Stopped | null = null

  constructor(mirrored: MirrorCluster, options: SequenceOptions) {
    this.#mirrored = mirrored
    this.#options = options
  }

  /** Once the mirror is whole for the first time: that copy is no fault's doing. */
  async begin(): Promise<void> {
    this.#owed = resyncsIn(await this.#told()).length
  }

  /** What it found, in words. */
  async run(hand: readonly MirrorFault[], chance: Chance): Promise<string> {
    const names = hand.map(({ name }) => name).join('; ')
    try {
      await this.#happen(hand, chance)
      const found = await this.#examine(hand)
      this.done += 1
      return `${names}: ${found}`
    } catch (error) {
      const because = error instanceof Error ? error.message : String(error)
      throw new Error(`${because}, after: ${names}`, { cause: error })
    }
  }

  async #happen(hand: readonly MirrorFault[], chance: Chance): Promise<void> {
    const mirrored = this.#mirrored
    const undos: Undo[] = []
    const undo = async (): Promise<void> => {
      // The latest first: what an earlier one waits for may be what a later one has taken away.
      for (const one of undos.splice(0).toReversed()) await one()
    }
    /** Of agents and guardians since all was well. */
    let taken: MirrorFault[] = []
    for (const fault of hand) {
      this.ran.set(fault.name, (this.ran.get(fault.name) ?? 0) + 1)
      if (fault.needsWell) await undo()
      if (taken.some((other) => areBoth(fault, other))) {
        await undo()
        await mirrored.waitUntilWell()
        await mirrored.cluster.waitUntilSettled(mirrorMs)
        taken = []
      }
      taken.push(fault)
      undos.push(await fault.happen(mirrored, chance))
      await mirrored.pause(chance.between(0, 2500))
      if (chance.happens(0.5)) await undo()
    }
    await undo()
  }

  /**
   * Everything that was acknowledged, both images byte for byte, the file system, and that a copy was made in full only
   * where it had to be, and in part only of what can differ.
   */
  async #examine(hand: readonly MirrorFault[]): Promise<string> {
    const mirrored = this.#mirrored
    await mirrored.waitUntilServing()
    const news = (await this.#told()).slice(this.#seen)
    this.overflows += news.filter(
      ({ type, data }) => type === 'MirrorBroken' && data.because === 'the queue is full',
    ).length
    const owners = news.flatMap(({ type, data }) => (type === 'GroupAssigned' ? [data.server] : []))
    if (this.#options.isAsync && new Set(owners).size > 1) await mirrored.forgetAcknowledged()
    const count = await mirrored.expectNothingLost()
    const resyncs = resyncsIn(news).slice(this.#owed)
    const mayCopyAll = hand.some(({ copiesAll }) => copiesAll)
    if (!mayCopyAll && resyncs.some(({ copy }) => copy === 'everything')) throw new Error('everything was copied')
    await mirrored.expectEqualAndClean()
    const most = mayCopyAll || hand.some(({ writesAnywhere }) => writesAnywhere) ? null : await this.#mostBytes(news)
    for (const { totalBytes } of resyncs)
      if (most !== null && totalBytes > most)
        throw new Error(`${inMiB(totalBytes)} were copied, where no more than ${inMiB(most)} can differ`)
    await this.#goOn()
    const each = resyncs.map(({ totalBytes }) => inMiB(totalBytes)).join(' and ')
    const bound = most === null ? '' : `, of at most ${inMiB(most)} each`
    return `${count} acknowledged, ${resyncs.length} resyncs${each === '' ? '' : ` of ${each}`}${bound}`
  }

  /**
   * What one resync may copy. The writer of blocks rewrites them in place: nothing is written but where the file system uses
   * something in the end. A database, or the file system for it, writes elsewhere, too: where something was in use, or is
   * different now. Of a side that served all the time and was alone, the blocks that it wrote. Once another one served, or
   * the same anew, every region that is marked, which is any that was written. And what was marked before. Null: everything.
   */
  async #mostBytes(news: readonly Event[]): Promise<number | null> {
    const before = this.#before
    if (before === null) return null
    const { isInPlace } = this.#options
    const { used, sums } = await this.#stopped()
    const began = news.filter(
      ({ type, data }) => type === 'GroupAssigned' || (type === 'ResourceActivated' && data.resource === 'data'),
    )
    const isOneLife = began.length <= 2 && !news.some(({ type }) => type === 'MirrorProcessDied')
    const unit = isOneLife ? blockBytes : regionBytes
    const blocks = new Set(used)
    if (!isInPlace) for (const block of before.used) blocks.add(block)
    if (!isInPlace) for (const [block, sum] of sums.entries()) if (sum !== before.sums[block]) blocks.add(block)
    const units = new Set([...blocks].map((block) => Math.floor((block * blockBytes) / unit)))
    for (const region of before.marked)
      for (let at = region * regionBytes; at < (region + 1) * regionBytes; at += unit) units.add(at / unit)
    return units.size * unit + (isInPlace ? 0 : unseenBytes)
  }

  async #stopped(): Promise<Stopped> {
    const disks = Object.values(this.#mirrored.disks)
    const [image = ''] = disks.map(({ data }) => data.file)
    return {
      marked: disks.flatMap(({ metadata }) => [...markedRegions(metadata.file)]),
      used: await usedUnits(image, blockBytes),
      sums: await checksums(image, blockBytes),
    }
  }

  /** From the group's stop, before it is started again. */
  async #goOn(): Promise<void> {
    this.#before = await this.#stopped()
    this.#seen = (await this.#told()).length
    this.#owed = 0
    await this.#mirrored.cluster.doSoon('s1', ['group', 'start', 'db'], mirrorMs)
  }

  /** Every event. On a busy machine a lease may end at any time, and its agent with it. */
  async #told(): Promise<readonly Event[]> {
    const commits = await until(() => this.#mirrored.cluster.commits(), mirrorMs, 'the log to be read')
    return commits.flatMap(({ commit }) => commit.events)
  }
}

/** One takes the agent of a server, the other one its guardian. */
const areBoth = ({ takes: one }: MirrorFault, { takes: other }: MirrorFault): boolean =>
  one !== undefined && other !== undefined && one.server === other.server && one.part !== other.part

const resyncsIn = (events: readonly Event[]) =>
  events.flatMap(({ type, data }) => (type === 'MirrorResyncStarted' ? [data] : []))

const inMiB = (bytes: number): string => `${(bytes / mib).toFixed(1)} MiB`
