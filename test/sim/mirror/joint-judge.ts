/** What must hold of a mirror whatever fails: each copy that the log calls current has every acknowledged write. */
import type { Event, Recorded } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { describeEvent } from '../../../src/projections/words.ts'
import type { SimulatedHost } from '../../../src/sim/host.ts'
import { Account, type Written } from '../../../src/sim/mirror/account.ts'
import { mirror } from './joint-agent.ts'
import type { JointDisks } from './joint-disks.ts'
import { mightServe } from './joint-parts.ts'
import { type JointPlan, type Name, servers } from './joint-plan.ts'

export type JudgeParts = {
  readonly plan: JointPlan
  readonly disks: JointDisks
  readonly host: (name: Name) => SimulatedHost
  readonly state: () => State
  readonly note: (what: string) => void
  readonly violate: (what: string) => void
}

export class Judge {
  readonly account: Account
  readonly #parts: JudgeParts
  /** Then what the other side has not got yet is lost with this one: only what a copy was written with itself is asked of it. */
  readonly #isAsync: boolean
  isForced = false

  constructor(parts: JudgeParts) {
    this.#parts = parts
    this.#isAsync = parts.plan.mode === 'async'
    this.account = new Account(parts.plan.blocks * parts.plan.blockBytes, servers, this.#isAsync)
  }

  /** Copies that the log calls current. */
  readonly current = (): readonly Name[] =>
    servers.filter((name) => this.#parts.state().mirrors[mirror]?.stale !== name)

  /** Each copy that could be given the group now, or that has it. */
  readonly examine = (where?: Pick<Written, 'first' | 'count'>): void => {
    for (const name of servers) {
      const objection = this.account.objectionTo(name, this.#dataOf(name), where)
      if (objection !== null && this.#mightServe(name))
        this.#parts.violate(`the log calls ${name} current: ${objection}`)
    }
  }

  /** Whoever wrote it has been told that it is done: from this moment on it must be wherever the log says that everything is. */
  readonly answered = (by: string, written: Written, isFlushed: boolean): void => {
    this.account.answered(written, by, this.#isAsync ? [by] : this.current(), isFlushed)
    this.examine(written)
  }

  /** It was read there: what is found is what everybody has seen. */
  readonly mounted = (name: string, epoch: number): void => {
    const disk = this.#dataOf(name as Name)
    const objection = this.account.objectionTo(name, disk)
    if (objection !== null) this.#parts.violate(`epoch ${epoch} begins: ${objection}`)
    this.account.read(name, disk, this.#isAsync ? [name] : this.current())
  }

  readonly committed = (recorded: Recorded, _: State, after: State): void => {
    const { events, by } = recorded.commit
    this.#parts.note(`#${recorded.position.sequence} ${by}: ${events.map(describeEvent).join('; ')}`)
    for (const event of events) this.#heed(event)
    const anomaly = after.anomalies.at(-1)
    if (anomaly && anomaly.sequence === recorded.position.sequence) this.#parts.violate(`an anomaly: ${anomaly.what}`)
    this.examine()
  }

  readonly #heed = (event: Event): void => {
    if (event.type === 'MirrorJoined' && !this.#isAsync) this.account.joined(event.data.source, event.data.target)
    if (event.type !== 'MirrorForced') return
    this.isForced = true
    this.account.forced(event.data.server, this.#dataOf(event.data.server as Name))
  }

  readonly #dataOf = (name: Name) => this.#parts.disks.of(name, '/dev/data')
  readonly #mightServe = (name: Name): boolean => {
    const { state, host, disks } = this.#parts
    return mightServe(state(), host(name), disks.of(name, '/dev/meta'))
  }
}
