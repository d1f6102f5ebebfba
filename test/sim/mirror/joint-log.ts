/** The log of a joint simulation: one, with whatever lies between it and a server: delay, a cut, a reply that is lost. */
import { hash as digestOf } from 'node:crypto'
import type { Decide, Recorder } from '../../../src/agents/log/recorder.ts'
import type { Decision } from '../../../src/decisions/decision.ts'
import {
  type Author,
  commitId,
  decodeCommit,
  type Event,
  encodeCommit,
  hash,
  type Recorded,
  sequence,
  start,
  wallTime,
} from '../../../src/events/index.ts'
import { fold, initialState, type State } from '../../../src/projections/state.ts'
import type { Scheduler } from '../../../src/sim/clock.ts'
import type { SimulatedProcess } from '../../../src/sim/process.ts'
import type { Chance } from '../../../src/sim/random.ts'

export type LogParts = {
  readonly scheduler: Scheduler
  readonly chance: Chance
  /** Nothing gets from this server to the log, nor back. */
  readonly isCut: (server: string) => boolean
  /** It answers nobody. */
  readonly isSilent: () => boolean
  readonly committed: (recorded: Recorded, before: State, after: State) => void
}

/** Wall clock of the first commit; for people. */
const beginning = 1_795_190_400_000
const hopMs: readonly [number, number] = [0.5, 6]
const givesUpMs = 1500
const lostReplies = 0.04

export class JointLog {
  readonly commits: Recorded[] = []
  state: State = initialState
  readonly #parts: LogParts
  readonly #views = new Set<View>()

  constructor(parts: LogParts) {
    this.#parts = parts
  }

  /** Through the codec, as everything on a log. */
  readonly append = (by: Author, { events, because, causedBy }: Decision): void => {
    const last = this.commits.at(-1)?.position ?? start
    const id = commitId(`c${last.sequence + 1}`)
    const at = wallTime(beginning + Math.round(this.#parts.scheduler.now))
    const bytes = encodeCommit({ id, by, at, causedBy, because, events }, last.hash)
    const position = { sequence: sequence(last.sequence + 1), hash: hash(digestOf('sha256', bytes, 'base64url')) }
    const recorded: Recorded = { position, ...decodeCommit(bytes), bytes }
    this.commits.push(recorded)
    const before = this.state
    this.state = fold(before, [recorded])
    this.#parts.committed(recorded, before, this.state)
    for (const view of this.#views) view.news()
  }

  readonly record = (by: Author, events: readonly [Event, ...Event[]]): void =>
    this.append(by, { events, because: {}, causedBy: null })

  /** As the recorder of an agent: `submit` decides on the newest state, `state` is what has come here. */
  readonly viewOf = (process: SimulatedProcess): View => {
    const view = new View(this, process, this.#parts)
    this.#views.add(view)
    process.onExit(() => this.#views.delete(view))
    return view
  }
}

export class View implements Pick<Recorder, 'submit' | 'state'> {
  readonly #log: JointLog
  readonly #process: SimulatedProcess
  readonly #parts: LogParts
  readonly #pending = new Set<string>()
  #known: State
  changed: () => void = () => {}

  constructor(log: JointLog, process: SimulatedProcess, parts: LogParts) {
    this.#log = log
    this.#process = process
    this.#parts = parts
    this.#known = log.state
  }

  readonly state = (): State => this.#known

  readonly news = (): void => {
    const { scheduler, chance } = this.#parts
    scheduler.after(chance.between(...hopMs), () => this.#process.enter(this.catchUp))
  }

  /** Reads what there is to read. */
  readonly catchUp = (): void => {
    if (this.#isCut() || this.#known === this.#log.state) return
    this.#known = this.#log.state
    this.changed()
  }

  readonly submit: Recorder['submit'] = async (key, decide) => {
    if (this.#pending.has(key)) return { answer: 'nothing' }
    this.#pending.add(key)
    try {
      return await this.#submit(decide)
    } finally {
      this.#pending.delete(key)
    }
  }

  readonly #submit = async (decide: Decide): ReturnType<Recorder['submit']> => {
    await this.#hop()
    if (this.#isCut()) return this.#givenUp()
    this.#known = this.#log.state
    const decision = decide(this.#known)
    if (decision === null) return { answer: 'nothing' }
    this.#log.append(`server:${this.#process.host.name}`, decision)
    const { sequence: own } = this.#log.state.position
    const isLost = this.#parts.chance.happens(lostReplies)
    await this.#hop()
    if (isLost || this.#isCut()) return this.#givenUp()
    this.#known = this.#log.state
    return { answer: 'recorded', sequence: own }
  }

  readonly #isCut = (): boolean => this.#parts.isSilent() || this.#parts.isCut(this.#process.host.name)
  readonly #hop = (): Promise<void> => this.#process.answer(this.#parts.chance.between(...hopMs), () => {})
  readonly #givenUp = async () => {
    await this.#process.answer(givesUpMs, () => {})
    return { answer: 'given-up' as const, because: 'the log does not answer' }
  }
}
