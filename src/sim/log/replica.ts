/**
 * One log server: a replica of the log, led by one of them. It behaves as nats-server was measured to (docs/log-server.md):
 * elections 4 to 9 s after the last contact, a leader that serves only once it has a commit of its own, conflicts with
 * proposals that are not committed, requests that are lost while the leader changes, reading without quorum.
 */
import { type AppendResult, type Hash, type Position, sequence } from '../../events/index.ts'
import type { SimulatedProcess } from '../process.ts'
import type { Chance } from '../random.ts'
import type { ReplicaGroup } from './group.ts'
import type { Entry, LogStore } from './store.ts'

/** server/raft.go: minElectionTimeoutDefault, maxElectionTimeoutDefault, hbIntervalDefault, lostQuorumIntervalDefault. */
const electionMs: readonly [number, number] = [4000, 9000]
/** The group of a new stream is made by a leader there is already; and a log server that stands alone asks nobody. */
const firstElectionMs: readonly [number, number] = [100, 700]
const leaderBeatMs = 1000
const lostQuorumMs = 10_000

export type Proposal = {
  readonly id: string
  readonly bytes: string
  readonly expected: number
  /** What stands before it has this id. */
  readonly afterId?: string | undefined
}
export type ReplicaAnswer =
  | { readonly is: 'stored'; readonly sequence: number; readonly duplicate: boolean }
  | { readonly is: 'conflict' }
  | { readonly is: 'no-responders' }

/** What whoever asked for an append after `after` makes of the answer. `hash`: of the commit that was to be stored. */
export const appendResultOf = (answer: ReplicaAnswer, after: Position, hash: Hash): AppendResult => {
  switch (answer.is) {
    case 'stored':
      return answer.sequence === after.sequence + 1
        ? { result: 'appended', position: { sequence: sequence(answer.sequence), hash } }
        : { result: 'conflict' }
    case 'conflict':
      return { result: 'conflict' }
    case 'no-responders':
      return { result: 'unavailable', because: 'no responders' }
    default:
      return answer satisfies never
  }
}

export type ReplicaStatus = {
  readonly leader: string
  readonly hasQuorum: boolean
  readonly last: number
  readonly current: readonly string[]
}

type Append = {
  readonly term: number
  readonly leader: string
  readonly previous: number
  readonly previousTerm: number
  readonly entries: readonly Entry[]
  readonly commit: number
}
type Followed = { next: number; match: number; heardAt: number }

export class Replica {
  readonly name: string
  readonly process: SimulatedProcess
  readonly store: LogStore
  role: 'follower' | 'candidate' | 'leader' = 'follower'
  leader: string | null = null
  readonly #group: ReplicaGroup
  readonly #chance: Chance
  #commit = 0
  #votes = new Set<string>()
  #followed = new Map<string, Followed>()
  #waiting = new Map<number, (answer: ReplicaAnswer) => void>()
  /** When it seeks to be elected, by its own clock. */
  #deadline = 0
  /** First entry of its own time as leader: it serves once that is committed. */
  #ownFrom = 0
  #ledSince = 0

  constructor(group: ReplicaGroup, process: SimulatedProcess, store: LogStore) {
    this.#group = group
    this.process = process
    this.name = process.host.name
    this.store = store
    this.#chance = process.host.chance.split(`log-${process.host.boots}-${process.identity.pid}`)
    this.#commit = store.applied
    const isNew = store.term === 0
    this.#wait(isNew || group.areApart ? firstElectionMs : electionMs)
    this.#watchLeader()
  }

  get isServing(): boolean {
    return this.role === 'leader' && this.#commit >= this.#ownFrom
  }

  /** An append; not answered when it is not the leader (any more): such requests are lost. */
  propose({ id, bytes, expected, afterId }: Proposal, answer: (answer: ReplicaAnswer) => void): void {
    if (!this.isServing) return
    const known = this.store.stream.findIndex((stored) => stored.id === id)
    // With one replica, the expectation is looked at before the id.
    if (known >= 0 && this.#group.mates(this.name).length > 1)
      answer({ is: 'stored', sequence: known + 1, duplicate: true })
    else if (expected !== this.store.lastSequence) answer({ is: 'conflict' })
    else if (afterId !== undefined && afterId !== this.store.lastId) answer({ is: 'conflict' })
    else {
      this.#lead({ id, bytes })
      this.#waiting.set(this.store.last, answer)
    }
  }

  status(): ReplicaStatus | null {
    if (!this.isServing) return null
    const now = this.process.host.monotonic()
    const isCurrent = ({ match, heardAt }: Followed) => match >= this.#commit && now - heardAt < 2 * leaderBeatMs
    const current = [...this.#followed].flatMap(([name, followed]) => (isCurrent(followed) ? [name] : []))
    return {
      leader: this.name,
      hasQuorum: this.#hasQuorum(lostQuorumMs),
      last: this.store.stream.length,
      current: [this.name, ...current],
    }
  }

  /** The stream is deleted, and made anew. */
  empty(): void {
    this.store.empty(this.process.host.scheduler.now)
    this.#commit = 0
    this.#ownFrom = 0
    this.#waiting.clear()
  }

  /** Steps down in favour of another; requests on their way are lost. */
  handOver(to: string): void {
    const followed = this.#followed.get(to)
    if (!this.isServing || to === this.name || followed === undefined || followed.match < this.store.last) return
    this.#follow(this.store.term, null)
    this.#group.send(this.name, to, (replica) => replica.#campaign())
  }

  /** Its process is gone, by a signal: everybody's connection to it ends. */
  leaderGone(name: string): void {
    if (this.leader === name) this.leader = null
  }

  // ---- elections ---------------------------------------------------------------------------------------------

  #wait([least, most]: readonly [number, number]): void {
    this.#deadline = this.process.host.monotonic() + this.#chance.between(least, most)
  }

  #watchLeader(): void {
    const left = this.#deadline - this.process.host.monotonic()
    if (left <= 0 && this.role !== 'leader') this.#campaign()
    const next = this.role === 'leader' ? electionMs[0] : this.#deadline - this.process.host.monotonic()
    this.process.after(Math.max(1, next), () => this.#watchLeader())
  }

  #campaign(): void {
    if (this.role === 'leader') return
    this.role = 'candidate'
    this.leader = null
    this.store.term += 1
    this.store.votedFor = this.name
    this.#votes = new Set([this.name])
    this.#wait(electionMs)
    const { term, last } = this.store
    const lastTerm = this.store.termAt(last)
    this.#synced(() => {
      if (this.store.term !== term || this.role !== 'candidate') return
      this.#counted()
      for (const other of this.#others())
        this.#group.send(this.name, other, (replica) => replica.#asked({ term, candidate: this.name, last, lastTerm }))
    })
  }

  #asked(ask: {
    readonly term: number
    readonly candidate: string
    readonly last: number
    readonly lastTerm: number
  }): void {
    if (ask.term > this.store.term) this.#follow(ask.term, null)
    const mine = this.store.termAt(this.store.last)
    const isUpToDate = ask.lastTerm > mine || (ask.lastTerm === mine && ask.last >= this.store.last)
    const isFree = this.store.votedFor === null || this.store.votedFor === ask.candidate
    if (ask.term !== this.store.term || !isUpToDate || !isFree) return
    this.store.votedFor = ask.candidate
    this.#wait(electionMs)
    this.#synced(() => {
      this.#group.send(this.name, ask.candidate, (replica) => replica.#voted(ask.term, this.name))
    })
  }

  #voted(term: number, by: string): void {
    if (this.role !== 'candidate' || term !== this.store.term) return
    this.#votes.add(by)
    this.#counted()
  }

  #counted(): void {
    if (this.#votes.size < this.#group.majority) return
    this.role = 'leader'
    this.leader = this.name
    this.#ledSince = this.process.host.monotonic()
    const next = this.store.last + 1
    this.#followed = new Map(
      this.#others().map((other) => [other, { next, match: 0, heardAt: Number.NEGATIVE_INFINITY }]),
    )
    this.#ownFrom = next
    this.#lead({ id: null, bytes: null })
    this.#beat(this.store.term)
  }

  /** Follows whoever leads in `term`. */
  #follow(term: number, leader: string | null): void {
    if (term > this.store.term) {
      this.store.term = term
      this.store.votedFor = null
    }
    if (this.role !== 'follower') {
      this.role = 'follower'
      // What waits for an answer does not get one: that is the ambiguous time-out.
      this.#waiting.clear()
      this.#wait(electionMs)
    }
    this.leader = leader
  }

  // ---- leading -----------------------------------------------------------------------------------------------

  #lead({ id, bytes }: Pick<Entry, 'id' | 'bytes'>): void {
    const { term, lastSequence } = this.store
    this.store.entries.push({ term, id, bytes, sequence: lastSequence + (bytes === null ? 0 : 1) })
    const index = this.store.last
    this.#synced(() => {
      if (this.store.termAt(index) === term) this.store.durable = Math.max(this.store.durable, index)
      if (this.role === 'leader') this.#advance()
    })
    this.#spread()
  }

  #beat(term: number): void {
    if (this.role !== 'leader' || this.store.term !== term) return
    if (!this.#hasQuorum(lostQuorumMs)) {
      this.#follow(term, null)
      return
    }
    for (const followed of this.#followed.values()) followed.next = Math.min(followed.next, followed.match + 1)
    this.#spread()
    this.process.after(leaderBeatMs, () => this.#beat(term))
  }

  #hasQuorum(withinMs: number): boolean {
    const now = this.process.host.monotonic()
    const heard = [...this.#followed.values()].filter(
      ({ heardAt }) => now - Math.max(heardAt, this.#ledSince) < withinMs,
    )
    return heard.length + 1 >= this.#group.majority
  }

  #spread(): void {
    const { term } = this.store
    for (const [other, followed] of this.#followed) {
      const previous = followed.next - 1
      const append: Append = {
        term,
        leader: this.name,
        previous,
        previousTerm: this.store.termAt(previous),
        entries: this.store.entries.slice(previous),
        commit: this.#commit,
      }
      followed.next = this.store.last + 1
      this.#group.send(this.name, other, (replica) => replica.#appended(append))
    }
  }

  #acknowledged(term: number, by: string, match: number | null, hint: number): void {
    if (term > this.store.term) {
      this.#follow(term, null)
      return
    }
    const followed = this.#followed.get(by)
    if (this.role !== 'leader' || term !== this.store.term || followed === undefined) return
    followed.heardAt = this.process.host.monotonic()
    if (match === null) {
      followed.next = Math.max(1, hint + 1)
      return
    }
    followed.match = Math.max(followed.match, match)
    this.#advance()
  }

  #advance(): void {
    const matches = [this.store.durable, ...[...this.#followed.values()].map(({ match }) => match)]
    const agreed = matches.toSorted((a, b) => b - a)[this.#group.majority - 1] ?? 0
    if (agreed <= this.#commit || this.store.termAt(agreed) !== this.store.term) return
    this.#commit = agreed
    this.#apply()
    this.#spread()
  }

  // ---- following ---------------------------------------------------------------------------------------------

  #appended({ term, leader, previous, previousTerm, entries, commit }: Append): void {
    const reply = (match: number | null) => {
      const { term: mine, last } = this.store
      this.#group.send(this.name, leader, (replica) =>
        replica.#acknowledged(mine, this.name, match, Math.min(last, previous - 1)),
      )
    }
    if (term < this.store.term) {
      reply(null)
      return
    }
    this.#follow(term, leader)
    this.#wait(electionMs)
    if (this.store.termAt(previous) !== previousTerm) {
      reply(null)
      return
    }
    for (const [offset, entry] of entries.entries()) {
      const at = previous + offset
      if (this.store.termAt(at + 1) === entry.term) continue
      this.store.entries.length = at
      this.store.durable = Math.min(this.store.durable, at)
      this.store.entries.push(entry)
    }
    const match = previous + entries.length
    const done = () => {
      if (this.store.term !== term || this.store.last < match) return
      this.store.durable = Math.max(this.store.durable, match)
      this.#commit = Math.max(this.#commit, Math.min(commit, match))
      this.#apply()
      reply(match)
    }
    if (this.store.durable >= match) done()
    else this.#synced(done)
  }

  #apply(): void {
    while (this.store.applied < this.#commit) {
      const entry = this.store.entries[this.store.applied]
      if (entry === undefined) return
      this.store.applied += 1
      const index = this.store.applied
      if (entry.bytes !== null) this.#applyCommit({ ...entry, bytes: entry.bytes })
      const answer = this.#waiting.get(index)
      this.#waiting.delete(index)
      answer?.({ is: 'stored', sequence: entry.sequence, duplicate: false })
    }
  }

  #applyCommit({ id, bytes, sequence }: Entry & { readonly bytes: string }): void {
    this.store.stream.push({ id: id ?? '', bytes })
    this.#group.applied(this, sequence, bytes)
  }

  #others(): readonly string[] {
    return this.#group.mates(this.name).filter((name) => name !== this.name)
  }

  #synced(done: () => void): void {
    const { host } = this.process
    host.scheduler.after(host.disk.syncMs(), () => this.process.enter(done))
  }
}
