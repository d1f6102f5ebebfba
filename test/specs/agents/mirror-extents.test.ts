/** What was written is told once more where something has changed while it was being told. */
import { expect, test } from 'vitest'
import { mirrorTeller } from '../../../src/agents/mirror/tell.ts'
import { mirrorName } from '../../../src/events/index.ts'
import { s1 } from '../decisions/demo.ts'
import { paired } from '../decisions/mirror-demo.ts'
import { stateOf } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { planeOf } from './plane-status.ts'

test('a break during a telling is followed by another one at once, not by the next in its turn', async () => {
  const virtual = new VirtualWorld()
  let asked = 0
  const answers: (() => void)[] = []
  const order = async () => {
    asked += 1
    await new Promise<void>((resolve) => answers.push(resolve))
    return { answer: 'done' as const, more: { extents: [], saves: {} } }
  }
  const state = () => stateOf(paired)
  const submit = async () => ({ answer: 'nothing' as const })
  const teller = mirrorTeller(virtual.world, {
    ...{ name: mirrorName('web', 'data'), me: s1, recorder: { state, submit } },
    link: { order: order as never },
  })
  const status = planeOf({ does: 'nothing' })
  teller.look(status)
  expect(asked).toBe(1)
  teller.conditioned({ say: 'condition', pair: 'alone', because: '', dirtyBlocks: 0 } as never)
  teller.look(status)
  expect(asked).toBe(1)
  answers.shift()?.()
  await virtual.settle()
  expect(asked).toBe(2)
  answers.shift()?.()
  await virtual.settle()
  teller.look(status)
  await virtual.settle()
  expect(asked).toBe(2)
})
