/** Given these facts on the log, when this is decided, then these facts follow: specs of decisions, as sentences. */
import { expect } from 'vitest'
import type { Decision } from '../../src/decisions/decision.ts'
import type { Event } from '../../src/events/index.ts'
import { fold, initialState, type State } from '../../src/projections/state.ts'
import { storyOf } from '../recorded-log.ts'

/** One commit: an event, or several that were decided together. */
export type Given = Event | readonly [Event, ...Event[]]
/** What is expected of an event: at least these fields. */
export type Expected = { readonly type: Event['type']; readonly data: Readonly<Record<string, unknown>> }
type Decide = (state: State) => Decision | null

/** The state after these commits, through the codec as from a real log. */
export const stateOf = (given: readonly Given[]): State =>
  fold(initialState, storyOf(given.map((one) => (isCommit(one) ? one : [one]))))

const isCommit = (given: Given): given is readonly [Event, ...Event[]] => Array.isArray(given)

class Story {
  readonly #given: readonly Given[]

  constructor(given: readonly Given[]) {
    this.#given = given
  }

  /** Further commits. */
  readonly and = (...given: readonly Given[]): Story => new Story([...this.#given, ...given])

  readonly state = (): State => stateOf(this.#given)

  /** What was decided before is on the log now. */
  readonly after = (decide: Decide): Story => {
    const decision = decide(this.state())
    expect(decision, 'this should be decided first').not.toBeNull()
    return decision ? this.and(decision.events) : this
  }

  readonly when = (decide: Decide): Outcome => new Outcome(decide(this.state()))
}

class Outcome {
  readonly #decision: Decision | null

  constructor(decision: Decision | null) {
    this.#decision = decision
  }

  /** Exactly these events, in this order; each with at least these fields. */
  readonly thenFollows = (...expected: readonly Expected[]): Outcome => {
    expect(this.#decision?.events ?? []).toMatchObject(expected)
    return this
  }

  readonly thenNothing = (): void => {
    expect(this.#decision).toBeNull()
  }

  /** A command that changes nothing says why, and what would make it possible. */
  readonly thenRefused = (because: string | RegExp, possible: string | RegExp): void => {
    const events = this.#decision?.events ?? []
    expect(events.map(({ type }) => type)).toEqual(['OperationRequested', 'OperationRefused'])
    const [, refused] = events
    if (refused?.type !== 'OperationRefused') throw new Error('not refused')
    expect(refused.data.because).toMatch(because)
    expect(refused.data.possible).toMatch(possible)
  }

  /** A command that was so already: accepted, done, and nothing else recorded. */
  readonly thenSettled = (detail: string | RegExp): void => {
    const events = this.#decision?.events ?? []
    expect(events.map(({ type }) => type)).toEqual(['OperationRequested', 'OperationFinished'])
    const [, finished] = events
    if (finished?.type !== 'OperationFinished') throw new Error('not settled')
    expect(finished.data).toMatchObject({ outcome: 'done' })
    expect(finished.data.detail).toMatch(detail)
  }

  /** A command that was accepted: these events beside the request itself, and not settled at once. */
  readonly thenAccepted = (...expected: readonly Expected[]): void => {
    const [requested, ...others] = this.#decision?.events ?? []
    expect(requested?.type).toBe('OperationRequested')
    expect(others).toMatchObject(expected)
  }

  /** Why, as the commit keeps it. */
  readonly because = (inputs: Readonly<Record<string, unknown>>): Outcome => {
    expect(this.#decision?.because).toMatchObject(inputs)
    return this
  }
}

export const spec = { given: (...given: readonly Given[]): Story => new Story(given) }
