import { expect, test } from 'vitest'
import { quietWatch } from '../../../src/agents/quiet.ts'
import type { Observed } from '../../../src/decisions/plan.ts'
import { initialState } from '../../../src/projections/state.ts'
import { T, Voter } from '../liveness/voters.ts'
import { VirtualWorld } from '../virtual-world.ts'

/** An agent that has just had a turn, and what it goes by. */
const agent = () => {
  const world = new VirtualWorld()
  const nothing: Observed = []
  const seen = { isLeased: true, hasBarrier: true, state: initialState, observed: nothing, heard: ['s1', 's2'] }
  let turns = 0
  const quiet = quietWatch(world, {
    recorder: { state: () => seen.state, hasBarrier: () => seen.hasBarrier },
    voter: {
      hasLease: () => seen.isLeased,
      reachable: () => new Set(seen.heard),
      liveness: () => new Voter('s1').l,
      pair: () => null,
    },
    runner: { observed: () => seen.observed },
    wake: () => {
      turns += 1
    },
  })
  quiet.looked(world.clock.now())
  /** A beat goes out, so long after the turn; answers how many turns there have been since. */
  const beat = async (afterMs: number): Promise<number> => {
    await world.pass(afterMs)
    quiet.passed()
    return turns
  }
  return { seen, beat, look: () => quiet.looked(world.clock.now()) }
}

test('a server that holds its lease, and for which nothing is new, takes no turn after a beat', async () => {
  expect(await agent().beat(T / 10)).toBe(0)
})

test('after a third of T it takes one all the same: some things only time brings', async () => {
  expect(await agent().beat(T / 3)).toBe(1)
})

test.each([
  ['its lease is over', (seen) => Object.assign(seen, { isLeased: false })],
  ['it has no commit of its own yet', (seen) => Object.assign(seen, { hasBarrier: false })],
  ['the log has moved', (seen) => Object.assign(seen, { state: { ...initialState } })],
  ['something else runs here', (seen) => Object.assign(seen, { observed: [] })],
  ['a server has been silent for T', (seen) => Object.assign(seen, { heard: ['s1'] })],
  ['a server is heard again', (seen) => Object.assign(seen, { heard: ['s1', 's2', 's3'] })],
  ['it hears another one instead', (seen) => Object.assign(seen, { heard: ['s1', 's3'] })],
] satisfies [string, (seen: ReturnType<typeof agent>['seen']) => unknown][])(
  'it takes one after the next beat when %s',
  async (_, change) => {
    const { seen, beat } = agent()
    change(seen)
    expect(await beat(T / 10)).toBe(1)
  },
)

test('a server without a lease takes one after every beat', async () => {
  const { seen, beat, look } = agent()
  seen.isLeased = false
  look()
  expect(await beat(T / 10)).toBe(1)
  look()
  expect(await beat(T / 10)).toBe(2)
  seen.isLeased = true
  expect(await beat(T / 10)).toBe(3)
})
