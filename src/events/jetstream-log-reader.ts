/**
 * Follows the log: by its feed while that is complete, by direct get where it is not. Whatever it delivers is
 * consecutive and chained; whatever is not, it reports, and goes on trying until it is.
 */

import { readNext } from './chain.ts'
import type { Position, Recorded } from './commit.ts'
import type { LogReader, LogTrouble, Subscription } from './event-log.ts'
import { type Sequence, sequence } from './ids.ts'
import type { LogConnection, LogWorld } from './jetstream-connection.ts'
import { type DirectGet, directGet, type RawCommit } from './jetstream-direct-get.ts'
import { feedSubject } from './jetstream-stream.ts'

/** The log is looked at this often in any case: the feed may have lost something, and there may be no feed. */
const pollMs = 500
/** A replica lags its leader by milliseconds: it is asked again this soon, and this long before the leader is. */
const staleRetryMs = 10
const staleMs = 200
const missingRetryMs = 100
/** A commit that even the leader lacks, although later ones exist, is a hole after this time. */
const holeMs = 3000
/** While the log is in trouble it is read again this often. */
const troubleRetryMs = 1000
/** Commits per page, and pages on their way at once: 4 keep a log server busy, more only take memory. */
const pageCommits = 1000
const pagesAhead = 4
/** Commits of the feed that are kept while an earlier one is fetched. */
const feedAhead = 256

export type Following = Subscription & {
  /** The leader says where the log ends. */
  readonly ends: (last: Sequence) => void
}

export type FollowOptions = {
  readonly cluster: string
  readonly after: Position
  readonly reader: LogReader
}

export const followStream = (world: LogWorld, connection: LogConnection, options: FollowOptions): Following => {
  const get = directGet(world, connection, options.cluster)
  const following = new StreamReader(world, get, options)
  const feed = connection.nats.subscribe(feedSubject(options.cluster), {
    callback: (error, message) => {
      const at = Number(message?.headers?.get('Nats-Sequence'))
      if (error || !(at > 0)) return
      // What throws in here would end the connection's reading without a word; in a microtask it ends the process.
      queueMicrotask(() => following.fed(sequence(at), () => message.string()))
    },
  })
  const forget = connection.onReconnect(() => following.wake())
  void following.run()
  return {
    stop: () => {
      following.stop()
      forget()
      feed.unsubscribe()
      get.close()
    },
    ends: (last) => following.ends(last),
  }
}

class StreamReader {
  readonly #world: LogWorld
  readonly #get: DirectGet
  readonly #reader: LogReader
  #reached: Position
  /** Highest sequence that somebody said exists. */
  #exists: Sequence
  #ahead = new Map<Sequence, string>()
  #trouble: LogTrouble | null = null
  /** Since when the next commit has been missing although later ones exist. */
  #missingSince: number | null = null
  /** What had been reached when the leader last said where the log ends, and how often that was too early. */
  #seenBefore: Sequence
  #tooShort = 0
  #stopped = false
  #wake = () => {}

  constructor(world: LogWorld, get: DirectGet, { after, reader }: FollowOptions) {
    this.#world = world
    this.#get = get
    this.#reader = reader
    this.#reached = after
    this.#exists = after.sequence
    this.#seenBefore = after.sequence
  }

  get #next(): Sequence {
    return sequence(this.#reached.sequence + 1)
  }

  wake(): void {
    this.#wake()
  }

  stop(): void {
    this.#stopped = true
    this.wake()
  }

  /** A commit of the feed: it has been committed. */
  fed(at: Sequence, bytes: () => string): void {
    if (this.#stopped || at < this.#next) return
    this.#exists = sequence(Math.max(this.#exists, at))
    if (at - this.#next < feedAhead) this.#ahead.set(at, bytes())
    // In trouble only `run` goes on, at its own pace.
    if (this.#trouble) return
    if (at === this.#next) this.#takeAhead()
    if (this.#exists >= this.#next) this.wake()
  }

  /** The leader's word on where the log ends; asked for about once a second. */
  ends(last: Sequence): void {
    if (this.#stopped) return
    const seen = this.#seenBefore
    this.#seenBefore = this.#reached.sequence
    // Twice: an answer may have been on its way while the commit was.
    this.#tooShort = last < seen ? this.#tooShort + 1 : 0
    if (this.#tooShort >= 2) this.#report({ trouble: 'shorter', last, seen })
    else if (last >= seen && this.#trouble?.trouble === 'shorter') this.#repair()
    if (last <= this.#exists) return
    this.#exists = last
    if (!this.#trouble) this.wake()
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      const advanced = await this.#advance()
      if (this.#trouble) await this.#pause(troubleRetryMs, 'to the end')
      else if (this.#exists < this.#next) await this.#pause(pollMs)
      else if (!advanced) await this.#pause(this.#missingMs() < staleMs ? staleRetryMs : missingRetryMs, 'to the end')
    }
  }

  /** One look at the log from the next commit on; true when it brought something. */
  async #advance(): Promise<boolean> {
    const before = this.#reached.sequence
    const page = await this.#get.page(this.#next, pageCommits)
    const last = page.commits.at(-1)?.sequence
    if (last) this.#exists = sequence(Math.max(this.#exists, last + page.pending))
    await this.#take(page.commits)
    if (!this.#trouble && page.pending > pageCommits && this.#reached.sequence === last)
      await this.#advanceFar(sequence(last + page.pending))
    this.#takeAhead()
    if (this.#reached.sequence > before) return true
    if (this.#exists >= this.#next) await this.#lookForMissing()
    return this.#reached.sequence > before
  }

  /** Many pages, the next ones requested while one is read. Ends early whenever something is not as expected. */
  async #advanceFar(end: Sequence): Promise<void> {
    const coming: ReturnType<DirectGet['page']>[] = []
    let requested = this.#next
    while (!this.#stopped && (requested <= end || coming.length > 0)) {
      while (coming.length < pagesAhead && requested <= end) {
        coming.push(this.#get.page(requested, pageCommits))
        requested = sequence(requested + pageCommits)
      }
      const upTo = Math.min(end, requested - 1 - (coming.length - 1) * pageCommits)
      let page = await coming.shift()
      while (page) {
        const before = this.#reached.sequence
        await this.#take(page.commits)
        if (this.#reached.sequence === before || this.#stopped) return
        // A page of large commits ends before it is full.
        page = this.#reached.sequence < upTo ? await this.#get.page(this.#next, upTo - before) : undefined
      }
    }
  }

  /** Reads on from pages; where they do not fit, the leader's copy decides. */
  async #take(raws: readonly RawCommit[]): Promise<void> {
    const trouble = this.#accept(raws)
    if (trouble) await this.#secondOpinion(trouble)
    // Lets everything else in this process have its turn between pages.
    if (raws.length > 1) await this.#pause(0, 'to the end')
  }

  #takeAhead(): void {
    const raws: RawCommit[] = []
    for (let at = this.#next; ; at = sequence(at + 1)) {
      const bytes = this.#ahead.get(at)
      if (bytes === undefined) break
      raws.push({ sequence: at, bytes })
    }
    // What does not fit is left to `run`, which reads it again.
    if (raws.length > 0) this.#accept(raws)
  }

  /** Delivers as much as is consecutive and fits; answers with what does not fit. */
  #accept(raws: readonly RawCommit[]): LogTrouble | null {
    const recorded: Recorded[] = []
    let trouble: LogTrouble | null = null
    for (const raw of raws) {
      if (raw.sequence < this.#next) continue
      if (raw.sequence > this.#next || this.#stopped) break
      const read = readNext(this.#world.digest, this.#reached, raw)
      if ('trouble' in read) {
        trouble = read
        break
      }
      this.#reached = read.position
      recorded.push(read)
    }
    for (const at of this.#ahead.keys()) if (at < this.#next) this.#ahead.delete(at)
    if (recorded.length > 0) {
      this.#missingSince = null
      if (this.#trouble?.trouble !== 'shorter') this.#repair()
      this.#reader.commits(recorded)
    }
    return trouble
  }

  /** A replica's copy may be damaged where the leader's is not. */
  async #secondOpinion(trouble: LogTrouble): Promise<void> {
    const next = this.#next
    const found = await this.#get.fromLeader(next)
    if (this.#stopped || next !== this.#next) return
    const still = typeof found === 'string' ? trouble : this.#accept([found])
    if (still) this.#report(still)
  }

  /** Something later exists: a stale replica, a damaged one, or a hole. */
  async #lookForMissing(): Promise<void> {
    this.#missingSince ??= this.#world.clock.now()
    const missingMs = this.#missingMs()
    if (missingMs < staleMs) return
    const next = this.#next
    const found = await this.#get.fromLeader(next)
    if (this.#stopped || next !== this.#next) return
    if (typeof found !== 'string') {
      const trouble = this.#accept([found])
      if (trouble) this.#report(trouble)
    } else if (found === 'missing' && missingMs >= holeMs) this.#report({ trouble: 'hole', at: next })
  }

  #missingMs(): number {
    return this.#missingSince === null ? 0 : this.#world.clock.now() - this.#missingSince
  }

  #report(trouble: LogTrouble): void {
    if (this.#stopped || JSON.stringify(this.#trouble) === JSON.stringify(trouble)) return
    this.#trouble = trouble
    this.#reader.trouble(trouble)
  }

  #repair(): void {
    if (!this.#trouble) return
    this.#trouble = null
    this.#reader.repaired()
    this.wake()
  }

  /** Waits; `wake` ends it early unless it is to be waited to the end. */
  #pause(ms: number, how?: 'to the end'): Promise<void> {
    if (this.#stopped) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#world.clock.after(ms, resolve)
      if (how) return
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
  }
}
