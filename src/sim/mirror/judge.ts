/** What must hold of a mirror whatever fails: each copy that the log calls current has every acknowledged write. */
import type { Event } from '../../events/index.ts'
import type { State } from '../../projections/state.ts'
import type { SimulatedHost } from '../host.ts'
import { Account, type Written } from './account.ts'
import type { SimulatedDisk } from './block-disk.ts'
import { mightServe } from './might-serve.ts'

export type JudgeParts = {
  /** As the log calls it. */
  readonly mirror: string
  readonly servers: readonly string[]
  readonly bytes: number
  readonly mode: 'sync' | 'async'
  readonly data: (server: string) => SimulatedDisk
  readonly metadata: (server: string) => SimulatedDisk
  readonly host: (server: string) => SimulatedHost
  readonly state: () => State
}

export class Judge {
  readonly account: Account
  readonly #parts: JudgeParts
  /** Then what the other side has not got yet is lost with this one: only what a copy was written with itself is asked of it. */
  readonly #isAsync: boolean
  #newestEpoch = 0
  /** An operator has given up what a copy lacks. */
  isForced = false
  /** Told of what must never be. */
  violate: (what: string) => void = () => {}

  constructor(parts: JudgeParts) {
    this.#parts = parts
    this.#isAsync = parts.mode === 'async'
    this.account = new Account(parts.bytes, parts.servers, this.#isAsync)
  }

  /** Copies that the log calls current. */
  readonly current = (): readonly string[] => {
    const { mirror, servers, state } = this.#parts
    return servers.filter((name) => state().mirrors[mirror]?.stale !== name)
  }

  /** Somebody has mounted it under a later epoch. */
  readonly isOver = (epoch: number): boolean => this.#newestEpoch > epoch && !this.isForced

  /** Each copy that could be given the group now, or that has it. */
  readonly examine = (where?: Pick<Written, 'first' | 'count'>): void => {
    for (const name of this.#parts.servers) {
      const objection = this.objectionTo(name, where)
      if (objection !== null && this.#mightServe(name)) this.violate(`the log calls ${name} current: ${objection}`)
    }
  }

  readonly objectionTo = (server: string, where?: Pick<Written, 'first' | 'count'>): string | null =>
    this.account.objectionTo(server, this.#parts.data(server), where)

  /** Whoever wrote it has been told that it is done: from this moment on it must be wherever the log says that everything is. */
  readonly answered = (by: string, written: Written, isFlushed: boolean): void => {
    this.account.answered(written, by, this.#isAsync ? [by] : this.current(), isFlushed)
    this.examine(written)
  }

  /** It was read there: what is found is what everybody has seen. */
  readonly mounted = (server: string, epoch: number): void => {
    const objection = this.objectionTo(server)
    if (objection !== null) this.violate(`epoch ${epoch} begins: ${objection}`)
    this.account.read(server, this.#parts.data(server), this.#isAsync ? [server] : this.current())
    this.#newestEpoch = Math.max(this.#newestEpoch, epoch)
  }

  /** The log goes on by these. */
  readonly committed = (events: readonly Event[]): void => {
    for (const event of events) this.#heed(event)
    this.examine()
  }

  readonly #heed = ({ type, data }: Event): void => {
    const { mirror } = this.#parts
    if (type === 'MirrorJoined' && data.mirror === mirror && !this.#isAsync) this.#joined(data.source, data.target)
    if (type !== 'MirrorForced' || data.mirror !== mirror) return
    this.isForced = true
    this.account.forced(data.server, this.#parts.data(data.server))
  }

  /** Perhaps before anybody has mounted it. */
  readonly #joined = (source: string, target: string): void => {
    const objection = this.objectionTo(source)
    if (objection !== null) this.violate(`${target} was given what ${source} has: ${objection}`)
    this.account.joined(source, target)
  }

  readonly #mightServe = (server: string): boolean => {
    const { mirror, state, host, metadata } = this.#parts
    return mightServe(state(), { mirror, host: host(server), metadata: metadata(server) })
  }
}
