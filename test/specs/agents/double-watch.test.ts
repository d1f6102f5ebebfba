/** Two agents that hold one group under one epoch, and hear of each other: which of them lets it go, by the log of each. */
import { expect, test } from 'vitest'
import { doubleWatch } from '../../../src/agents/double-watch.ts'
import type { Beat } from '../../../src/decisions/liveness.ts'
import { type Event, epochOf, groupName, type ServerName, sequence, voterName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { assigned, cluster, online } from '../decisions/demo.ts'
import { at, members, s1, s2, Voter } from '../liveness/voters.ts'
import { stateOf } from '../spec.ts'

const web = groupName('web')
const held = { web: epochOf(sequence(5)) }

class Holder {
  readonly noted: Event[] = []
  readonly stopped: string[] = []
  readonly #voter: Voter
  readonly #watch: ReturnType<typeof doubleWatch>

  constructor(me: ServerName, log: State) {
    const voter = new Voter(me)
    this.#voter = voter
    this.#watch = doubleWatch({
      me,
      voter: { liveness: () => voter.l, membership: () => members },
      held: () => held,
      note: (event) => this.noted.push(event),
      state: () => log,
      store: { stopEpoch: async (group) => void this.stopped.push(group) },
      say: () => {},
    })
    this.look(0)
  }

  look(now: number): void {
    this.#watch.look(at(now))
  }

  beat(now: number): Beat {
    return { ...this.#voter.beat(now), groups: held }
  }

  hears(beat: Beat, now: number): void {
    this.#voter.hears(beat, now)
    this.look(now)
  }

  get hasLost(): boolean {
    return this.#watch.hasLost(web, held.web)
  }
}

/** Each reads the log of its own; they hear each other's answers. */
const holding = (logOfS1: State, logOfS2: State) => {
  const [one, other] = [new Holder(s1, logOfS1), new Holder(s2, logOfS2)]
  for (const now of [10, 20, 30]) {
    other.hears(one.beat(now), now)
    one.hears(other.beat(now + 5), now + 5)
  }
  return { one, other }
}

const givenTo = (server: string) => stateOf([...cluster(), assigned('web', server), online('web', 5)])

test('the one to which the log gave it stays, whatever its priority; both say so once', () => {
  const { one, other } = holding(givenTo('s2'), givenTo('s2'))
  expect([one.hasLost, other.hasLost]).toEqual([true, false])
  expect([one.stopped, other.stopped]).toEqual([['web'], []])
  for (const { noted } of [one, other])
    expect(noted).toMatchObject([{ type: 'DoubleActivationSeen', data: { winner: { server: 's2' } } }])
})

test('of two that went on alone, each with a log that names itself, the first by priority stays', () => {
  const alone = (server: string): State => ({
    ...givenTo(server),
    logSides: { head: voterName(server), isAlone: true, since: sequence(4) },
  })
  const { one, other } = holding(alone('s1'), alone('s2'))
  expect([one.hasLost, other.hasLost]).toEqual([false, true])
})
