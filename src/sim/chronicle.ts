/**
 * The log as it came to be, past all agents: every commit that stands, in order, and the state folded from them. In a quorum
 * a commit stands once a replica has it in its stream. In a pair it stands once an agent is told so; where both servers have
 * gone on alone there are two histories, until the one that lost is given up.
 */
import { hash as digestOf } from 'node:crypto'
import { decodeCommit, type Hash, hash, type Recorded, sequence, start } from '../events/index.ts'
import { fold, initialState, type State } from '../projections/state.ts'

export type ChronicleParts = {
  /** Two histories are possible: both servers of a pair may be judged connected while they are deaf to each other. */
  readonly mayFork: boolean
  readonly servers: readonly string[]
  readonly stands: (recorded: Recorded, before: State, after: State) => void
  readonly violate: (what: string) => void
}

export class Chronicle {
  readonly committed: Recorded[] = []
  readonly #parts: ChronicleParts
  #state: State = initialState
  /** Commits of histories that are not, or not yet, the one that goes on. */
  readonly #others = new Map<Hash, Recorded>()
  readonly #otherStates = new Map<Hash, State>()
  /** What each server was told last. */
  readonly #reached = new Map<string, Recorded>()

  constructor(parts: ChronicleParts) {
    this.#parts = parts
  }

  get state(): State {
    return this.#state
  }
  /** Those that were told once, and are not on the log that goes on. */
  get setAside(): readonly Recorded[] {
    return [...this.#others.values()]
  }

  /** The log goes on by these bytes. */
  append(bytes: string): void {
    const { commit, previous } = decodeCommit(bytes)
    const last = this.committed.at(-1)?.position ?? start
    const position = { sequence: sequence(last.sequence + 1), hash: hash(digestOf('sha256', bytes, 'base64url')) }
    if (previous !== last.hash) this.#parts.violate(`commit ${position.sequence} does not follow from the one before`)
    this.#extend({ position, previous, commit, bytes })
  }

  /** An agent in a pair was told that these stand. */
  told(host: string, recorded: readonly Recorded[]): void {
    for (const one of recorded) {
      this.#reached.set(host, one)
      const { position, previous } = one
      const last = this.committed.at(-1)?.position ?? start
      if (this.#isOnLog(one) || this.#others.has(position.hash)) continue
      if (position.sequence === last.sequence + 1 && previous === last.hash) this.#extend(one)
      else this.#fork(host, one)
    }
    this.#reconsider()
  }

  /** What stands up to that commit, in whichever history it is. */
  upTo({ sequence: at, hash: wanted }: Recorded['position']): readonly Recorded[] {
    if (at === 0) return []
    return this.committed[at - 1]?.position.hash === wanted ? this.committed.slice(0, at) : this.#chainTo(wanted)
  }

  #isOnLog({ position }: Recorded): boolean {
    return this.committed[position.sequence - 1]?.position.hash === position.hash
  }

  #extend(recorded: Recorded): void {
    this.committed.push(recorded)
    const before = this.#state
    this.#state = fold(before, [recorded])
    this.#parts.stands(recorded, before, this.#state)
  }

  #fork(host: string, one: Recorded): void {
    const { mayFork, violate, stands } = this.#parts
    const at = one.position.sequence
    if (!mayFork) violate(`${host} was told another commit ${at} than stands on the log`)
    const before = this.#otherStates.get(one.previous) ?? fold(initialState, this.#chainTo(one.previous))
    if (before.position.sequence !== at - 1) violate(`commit ${at}, which ${host} was told of, follows from nothing`)
    const after = fold(before, [one])
    this.#others.set(one.position.hash, one)
    this.#otherStates.delete(one.previous)
    this.#otherStates.set(one.position.hash, after)
    stands(one, before, after)
  }

  #chainTo(wanted: Hash): readonly Recorded[] {
    const tail: Recorded[] = []
    let next = wanted
    for (let one = this.#others.get(next); one !== undefined; one = this.#others.get(next)) {
      tail.unshift(one)
      next = one.previous
    }
    const common = this.committed.findIndex(({ position }) => position.hash === next) + 1
    return [...this.committed.slice(0, common), ...tail]
  }

  /** Once every server has gone over to another history, that one is the log. */
  #reconsider(): void {
    if (this.#others.size === 0) return
    const reached = this.#parts.servers.map((name) => this.#reached.get(name))
    const [first, second] = reached
    if (first === undefined || second === undefined || this.#isOnLog(first) || this.#isOnLog(second)) return
    const chain = this.#chainTo((first.position.sequence > second.position.sequence ? first : second).position.hash)
    for (const one of this.committed) this.#others.set(one.position.hash, one)
    for (const one of chain) this.#others.delete(one.position.hash)
    this.committed.splice(0, this.committed.length, ...chain)
    this.#state = fold(initialState, chain)
    this.#otherStates.clear()
  }
}
