import { expect, test } from 'vitest'
import { rounds } from '../../../src/agents/np/rounds.ts'
import { VirtualWorld } from '../virtual-world.ts'

/** Asks `targets` every second, while there are any. */
const setUp = () => {
  const virtual = new VirtualWorld()
  const targets: string[] = []
  const asked: number[] = []
  const round = rounds(virtual.world, {
    question: () => (targets.length === 0 ? null : { interval: 1000, timeout: 500 }),
    ask: async () => {
      asked.push(virtual.clock.now())
      return [...targets]
    },
    changed: () => {},
  })
  return { virtual, targets, asked, round }
}

test('nobody is asked until somebody is named, and then at once, in one round after the other', async () => {
  const { virtual, targets, asked, round } = setUp()
  await virtual.pass(5000)
  round.look()
  expect(round.last()).toBeNull()
  targets.push('gateway')
  const named = virtual.clock.now()
  round.look()
  round.look()
  await virtual.pass(2500)
  expect(asked.map((at) => at - named)).toEqual([0, 1000, 2000])
  expect(round.last()).toEqual({ at: named + 2000, answered: ['gateway'] })
})

test('what is named no more is forgotten, and may be named again', async () => {
  const { virtual, targets, asked, round } = setUp()
  targets.push('gateway')
  round.look()
  await virtual.pass(500)
  targets.pop()
  await virtual.pass(5000)
  expect(asked).toHaveLength(1)
  expect(round.last()).toBeNull()
  targets.push('gateway')
  round.look()
  await virtual.pass(100)
  expect(round.last()?.answered).toEqual(['gateway'])
})

test('after its end nobody is asked any more', async () => {
  const { virtual, targets, asked, round } = setUp()
  round.stop()
  targets.push('gateway')
  round.look()
  await virtual.pass(5000)
  expect(asked).toEqual([])
})
