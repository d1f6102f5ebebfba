/**
 * Keeps this server's copy of a pair's log the same as the other's, and finds out when it cannot be: behind the log it
 * catches up; a tail that never stood is kept in a file, and the copy made anew; where both have gone on alone, it is
 * decided which one was right (decisions/which-log-wins.ts), and nothing is copied before its loser has stopped.
 */
import { newestEpoch, whichLogWins } from '../../decisions/which-log-wins.ts'
import { readNext } from '../../events/chain.ts'
import {
  formatHeader,
  formatRecorded,
  type Position,
  type Recorded,
  type Sequence,
  type ServerName,
  sequence,
  serverName,
  start,
} from '../../events/index.ts'
import type { RawCommit } from '../../events/jetstream-direct-get.ts'
import type { Cancel, World } from '../../world/world.ts'
import type { LogSide } from './log-side.ts'
import { declaresDown } from './own-history.ts'
import type { PairLog } from './pair-log.ts'

/** How often the two copies are compared. */
const lookMs = 200
/** The other copy may lag so far and count as the same: whoever appends next brings it up. */
const currentWithin = 8
const pageCommits = 500
/** Commits on their way at once; a log server takes them in order. */
const putsAhead = 64
/** A tail is looked through for what it decided up to here. */
const longestTail = 20_000
/** Both ends must have stood still for so many looks before it is decided whose history goes on. */
const stillLooks = 4

/** What is kept of commits that are not on the log: `count` of them after `after`. */
export type SetAside = { readonly after: Sequence; readonly count: number; readonly file: string }

export type CopierParts = {
  readonly cluster: string
  /** In order of priority. */
  readonly members: readonly ServerName[]
  readonly log: PairLog
  readonly own: LogSide
  readonly peer: LogSide
  /** Writes the lines of an exported log down for good, and answers where. */
  readonly keep: (
    lines: readonly string[],
    tail: { readonly after: Sequence; readonly count: number },
  ) => Promise<string>
  readonly setAside: (what: SetAside) => Promise<void>
  readonly say: (what: string, fields: Readonly<Record<string, unknown>>) => void
  readonly changed: () => void
}

/** `peer`: how the other's copy is, seen from the head. `behind`: commits that the other's copy, or our own, lacks. */
export type CopyStanding = {
  readonly peer: 'unreachable' | 'behind' | 'current'
  readonly behind: number
  /** Both have gone on alone from here on; `isOurs` = this server's history is the one that goes on. */
  readonly split: { readonly common: Sequence; readonly isOurs: boolean } | null
}

export type LogCopier = {
  readonly standing: () => CopyStanding
  /** The loser's part, once it runs nothing any more: keeps its tail in a file and empties its copy. */
  readonly yield: (common: Sequence, beforeEmptied: () => Promise<void>) => Promise<void>
  readonly stop: () => void
}

/** The other copy does not go on where it did: emptying this one could lose the log. */
export class OtherCopyLost extends Error {
  override readonly name = 'OtherCopyLost'

  constructor(voter: string, after: Sequence) {
    super(`the copy of ${voter} does not go on after commit ${after} any more: this one is kept`)
  }
}

export const logCopier = (world: Pick<World, 'clock' | 'digest'>, parts: CopierParts): LogCopier =>
  new Copier(world, parts)

class Copier implements LogCopier {
  readonly #world: Pick<World, 'clock' | 'digest'>
  readonly #parts: CopierParts
  #standing: CopyStanding = { peer: 'unreachable', behind: 0, split: null }
  #still = { ends: '', looks: 0 }
  /** Where our copy ended at the last look, when the other's was longer. */
  #laggedAt: Sequence | null = null
  #isStopped = false
  #isYielding = false
  #cancel: Cancel = () => {}

  constructor(world: Pick<World, 'clock' | 'digest'>, parts: CopierParts) {
    this.#world = world
    this.#parts = parts
    void this.#run()
  }

  readonly standing = (): CopyStanding => this.#standing

  readonly stop = (): void => {
    this.#isStopped = true
    this.#cancel()
  }

  readonly yield: LogCopier['yield'] = async (common, beforeEmptied) => {
    const { log, own, peer } = this.#parts
    this.#isYielding = true
    log.hold('this server gives up what only it had decided')
    try {
      const [ownEnd, peerEnd] = await Promise.all([own.end(), peer.end()])
      if (ownEnd === null || peerEnd === null) throw new Error('a log server does not answer')
      // Where the own disk was lost, its copy is a part of the other's by now, and nothing of it is only ours.
      const after = await this.#commonEnd(ownEnd, peerEnd)
      if (after < Math.min(common, ownEnd)) throw new OtherCopyLost(peer.voter, common)
      await this.#setAside({ after, common }, ownEnd, beforeEmptied)
    } catch (trouble) {
      // The looks go on: what was a split may be none any more.
      this.#isYielding = false
      throw trouble
    }
  }

  async #run(): Promise<void> {
    try {
      if (!this.#isYielding) await this.#look()
    } catch (trouble) {
      this.#parts.say('the copies of the log could not be compared', { trouble: String(trouble) })
    }
    if (!this.#isStopped) this.#cancel = this.#world.clock.after(lookMs, () => void this.#run())
  }

  async #look(): Promise<void> {
    const { own, peer, log } = this.#parts
    if (!peer.isConnected()) return this.#set({ peer: 'unreachable', behind: 0, split: null })
    const [ownEnd, peerEnd] = await Promise.all([own.end(), peer.end()])
    if (ownEnd === null) return
    log.ownHas(ownEnd)
    if (peerEnd === null) return this.#set({ peer: 'unreachable', behind: 0, split: null })
    const { isAlone, head } = log.sides()
    const isHead = head === own.voter
    // 1. After a start the log is read from long ago, and what is read there about the copies is long over.
    // 2. Our copy may then look like a tail that never stood, although it is the log.
    // 3. So nothing is done before everything has been read that is to be read.
    const reads = log.reads()
    if (reads === null) return
    if (log.reached().sequence < (reads === 'own' ? ownEnd : peerEnd)) return this.#unread(ownEnd, peerEnd)
    if (isHead && isAlone && reads === 'own') return this.#observe(ownEnd, peerEnd)
    // The head lacks something only if its copy was lost: what stands is on the other one.
    const end = isHead ? sequence(Math.min(peerEnd, log.reached().sequence)) : peerEnd
    if (isHead && ownEnd >= end && (await this.#isRead(own)))
      return this.#set({ peer: 'current', behind: 0, split: null })
    if (!(await this.#isSameAt(ownEnd, peerEnd))) return this.#diverged(ownEnd, peerEnd)
    const behind = end - ownEnd
    // Whoever appends to both does this itself, sooner: only what stays behind is brought up.
    const isStale = behind > currentWithin || this.#laggedAt === ownEnd || isAlone
    this.#laggedAt = behind > 0 ? ownEnd : null
    if (behind > 0 && isStale) await this.#copy(ownEnd, end)
    this.#set({ peer: 'current', behind, split: null })
  }

  /** Reading goes on, unless what was read is not on the copy that it would go on with. */
  async #unread(ownEnd: Sequence, peerEnd: Sequence): Promise<void> {
    const { log, peer } = this.#parts
    if (log.reads() === 'peer' && !(await this.#isRead(peer))) await this.#diverged(ownEnd, peerEnd)
  }

  async #isRead(side: LogSide): Promise<boolean> {
    const reached = this.#parts.log.reached()
    return (await this.#positionAt(side, reached.sequence))?.hash === reached.hash
  }

  /** As the one that is alone: whether the other's copy is part of ours, and up to date. */
  async #observe(ownEnd: Sequence, peerEnd: Sequence): Promise<void> {
    if (peerEnd <= ownEnd && (await this.#isSameAt(peerEnd, ownEnd))) {
      const behind = ownEnd - peerEnd
      return this.#set({ peer: behind <= currentWithin ? 'current' : 'behind', behind, split: null })
    }
    const same = await this.#commonEnd(ownEnd, peerEnd)
    // Where our own disk was lost, maybe just now, nothing of the copy says any more where the two histories part.
    const isLost = !(await this.#goesOn(this.#parts.own, this.#wentAloneAfter()))
    const common = isLost ? this.#wentAloneAfter() : same
    const theirs = await this.#tailOf(this.#parts.peer, common, peerEnd)
    const declaredUs = theirs.some(({ commit }) => declaresDown(commit, this.#parts.own.voter))
    // What never stood there is for the other to set aside.
    if (!declaredUs) return this.#set({ peer: 'behind', behind: Math.max(0, ownEnd - common), split: null })
    if (isLost && this.#standing.split?.isOurs) this.#set({ peer: 'behind', behind: 0, split: null })
    await this.#split(common, theirs, [isLost ? start.sequence : ownEnd, peerEnd])
  }

  /** Ends that still move are decided about by nobody: the other side must come to the same answer. */
  async #split(
    common: Sequence,
    theirs: readonly Recorded[],
    [ownEnd, peerEnd]: readonly [Sequence, Sequence],
  ): Promise<void> {
    const { own, peer, members, log, say } = this.#parts
    if (this.#standing.split !== null) return
    log.hold('both servers have gone on alone, and it is not decided yet which of them was right')
    const ends = `${ownEnd} ${peerEnd}`
    this.#still = { ends, looks: this.#still.ends === ends ? this.#still.looks + 1 : 0 }
    if (this.#still.looks < stillLooks) return
    const ours = await this.#tailOf(own, common, ownEnd)
    const tail = (side: LogSide, commits: readonly Recorded[], end: Sequence) => ({
      server: serverName(side.voter),
      priority: members.indexOf(serverName(side.voter)),
      epoch: newestEpoch(
        commits.map(({ position, commit }) => ({ sequence: position.sequence, events: commit.events })),
      ),
      end,
    })
    // Without a copy there is nothing to go on with.
    const winner =
      ownEnd === start.sequence ? peer.voter : whichLogWins(tail(own, ours, ownEnd), tail(peer, theirs, peerEnd))
    say('both servers had gone on alone', { common, winner, ours: ours.length, theirs: theirs.length })
    this.#set({ peer: 'behind', behind: 0, split: { common, isOurs: winner === own.voter } })
  }

  /** Our copy is not a part of the other's. What of it was never read as standing may go; anything else is a split. */
  async #diverged(ownEnd: Sequence, peerEnd: Sequence): Promise<void> {
    const { log, own, peer } = this.#parts
    // What is read here stands; the other copy is not it, and is for its own server to mend.
    if (log.reads() === 'own') return this.#set({ peer: 'behind', behind: 0, split: null })
    const after = await this.#commonEnd(ownEnd, peerEnd)
    // 1. Reading goes on meanwhile, beyond the end that the other copy had when this look began.
    // 2. Held against that end, what was read from the other copy would seem not to be on it: a split that is none.
    // 3. This server would then give its history up, and forget renunciations that stand on the log. So it asks anew.
    const isOnPeer = log.reached().sequence <= after || (await this.#isRead(peer))
    if (log.reads() !== 'peer') return
    // Whoever is alone reads from the other copy only if its own was lost.
    const { head, isAlone } = log.sides()
    const common = !isOnPeer && isAlone && head === own.voter ? this.#wentAloneAfter() : after
    // 1. A copy that is lost while the two are compared has nothing in common with this one, and is no other history.
    // 2. Taken for one, this copy was emptied as well: the log was gone, and a new one began.
    // So nothing is given up, unless the other copy goes on from there. One that ends is for its own server to mend.
    if (!(await this.#goesOn(peer, common))) return this.#set({ peer: 'behind', behind: 0, split: null })
    if (isOnPeer) return this.#setAside({ after, common }, ownEnd)
    this.#set({ peer: 'behind', behind: 0, split: { common, isOurs: false } })
  }

  /** Up to there both copies had the same when this server went on alone, whatever became of them since. */
  #wentAloneAfter(): Sequence {
    return sequence(this.#parts.log.sides().since - 1)
  }

  async #goesOn(side: LogSide, after: Sequence): Promise<boolean> {
    return (await this.#positionAt(side, sequence(after + 1))) !== null
  }

  /** `after`: what of this copy is not on the other; `common`: from there on the other history is another one. */
  async #setAside(
    { after, common }: { readonly after: Sequence; readonly common: Sequence },
    ownEnd: Sequence,
    beforeEmptied = async () => {},
  ): Promise<void> {
    const { own, peer, keep, setAside, say, cluster } = this.#parts
    const count = ownEnd - after
    let kept: SetAside | null = null
    if (count > 0) {
      const tail = await this.#tailOf(own, after, ownEnd, count)
      if (tail.length !== count) throw new Error('the own copy of the log could not be read')
      const file = await keep([formatHeader(cluster), ...tail.map(formatRecorded)], { after, count })
      kept = { after, count, file }
    }
    // Writing takes a while. From here on this copy is needed no more.
    if (!(await this.#goesOn(peer, common))) throw new OtherCopyLost(peer.voter, common)
    if (kept) {
      say('commits that never stood on the log are set aside', kept)
      await setAside(kept)
    }
    await beforeEmptied()
    await own.startOver()
    this.#parts.log.ownEmptied()
  }

  /** Copies what stands after `from`, byte by byte, as far as it is chained. */
  async #copy(from: Sequence, end: Sequence): Promise<void> {
    const { own, peer } = this.#parts
    let position = await this.#positionAt(own, from)
    while (position !== null && position.sequence < end && !this.#isStopped) {
      const raws = await peer.read(sequence(position.sequence + 1), Math.min(pageCommits, end - position.sequence))
      const chained = this.#chain(position, raws)
      if (chained.length === 0) return
      for (let at = 0; at < chained.length; at += putsAhead) {
        const chunk = chained.slice(at, at + putsAhead)
        const befores = [position, ...chunk.map((one) => one.position)]
        const results = await Promise.all(
          // Where one fails, because somebody else was there first, those behind it must fail as well.
          chunk.map(({ bytes, commit }, index) =>
            own.put(befores[index] ?? start, { bytes, commit }, chunk[index - 1]?.commit.id),
          ),
        )
        // Somebody else may have put it there: the next look goes on from what is there.
        if (results.some(({ result }) => result !== 'appended')) return
        position = chunk.at(-1)?.position ?? position
      }
      this.#set({ ...this.#standing, behind: end - position.sequence })
    }
  }

  #chain(after: Position, raws: readonly RawCommit[]): readonly Recorded[] {
    const chained: Recorded[] = []
    let before = after
    for (const raw of raws) {
      const read = readNext(this.#world.digest, before, raw)
      if ('trouble' in read) break
      before = read.position
      chained.push(read)
    }
    return chained
  }

  async #positionAt(side: LogSide, at: Sequence): Promise<Position | null> {
    if (at === start.sequence) return start
    const raw = await side.at(at)
    if (raw === 'unreachable') throw new Error(`the log server of ${side.voter} does not answer`)
    return typeof raw === 'string' ? null : { sequence: at, hash: this.#world.digest(raw.bytes) }
  }

  /** The hash of a commit vouches for everything before it. @param at the end of the shorter copy. */
  async #isSameAt(at: Sequence, otherEnd: Sequence): Promise<boolean> {
    if (at > otherEnd) return false
    if (at === start.sequence) return true
    const [mine, theirs] = await Promise.all([this.#parts.own.at(at), this.#parts.peer.at(at)])
    if (mine === 'unreachable' || theirs === 'unreachable') throw new Error('a log server does not answer')
    return mine !== 'missing' && theirs !== 'missing' && mine.bytes === theirs.bytes
  }

  async #commonEnd(ownEnd: Sequence, peerEnd: Sequence): Promise<Sequence> {
    let same = 0
    let different = Math.min(ownEnd, peerEnd) + 1
    while (different - same > 1) {
      const middle = Math.floor((same + different) / 2)
      if (await this.#isSameAt(sequence(middle), sequence(middle))) same = middle
      else different = middle
    }
    return sequence(same)
  }

  async #tailOf(side: LogSide, common: Sequence, end: Sequence, most = longestTail): Promise<readonly Recorded[]> {
    const tail: Recorded[] = []
    let position = await this.#positionAt(side, common)
    while (position !== null && position.sequence < end && tail.length < most) {
      const raws = await side.read(sequence(position.sequence + 1), pageCommits)
      const chained = this.#chain(position, raws)
      if (chained.length === 0) break
      tail.push(...chained)
      position = chained.at(-1)?.position ?? position
    }
    return tail
  }

  #set(standing: CopyStanding): void {
    const before = this.#standing
    this.#standing = standing
    if (standing.split === null && before.split !== null) this.#still = { ends: '', looks: 0 }
    if (standing.split === null) this.#parts.log.hold(null)
    this.#parts.log.onCurrent(standing.peer === 'current')
    if (standing.peer !== before.peer || (standing.split === null) !== (before.split === null)) this.#parts.changed()
  }
}
