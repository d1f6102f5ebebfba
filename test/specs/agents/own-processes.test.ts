/** Deaths of our own processes on their way to the log: each gets there, and each counts once. */
import { expect, test } from 'vitest'
import type { Answer, Recorder } from '../../../src/agents/log/recorder.ts'
import { ownProcesses } from '../../../src/agents/own-processes.ts'
import { cluster, everybody, s1 } from '../decisions/demo.ts'
import type { Given } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'
import { recorderOf } from './recorder-of.ts'

const given: readonly Given[] = cluster({ cluster: { ownProcesses: { deaths: 2, action: 'reboot' } } })
const givenUp: Answer = { answer: 'given-up', because: 'the log could not be written' }

/** The deaths that a server's agent has noticed, on a log that answers as is said. */
const begin = (answers: (Answer | null)[] = []) => {
  const virtual = new VirtualWorld()
  const log = recorderOf(given)
  const submit: Recorder['submit'] = async (key, decide) => {
    const answer = await log.submit(key, decide)
    return answers.shift() ?? answer
  }
  const deaths = ownProcesses(virtual.world)
  deaths.recordWith({ me: s1, recorder: { submit }, reachable: () => everybody })
  return { virtual, deaths, log }
}
const onLog = ({ log }: ReturnType<typeof begin>) => log.state().servers.byName.s1?.deaths ?? {}

test('one whose answer was lost is told again, and counts once', async () => {
  const story = begin([givenUp])
  story.deaths.died('log-server', 'it hung')
  await story.virtual.pass(10_000)
  expect(onLog(story)['log-server']).toHaveLength(1)
  expect(story.log.state().fencing.finalActions).toEqual({})
  story.deaths.died('log-server', 'it hung')
  await story.virtual.pass(10_000)
  expect(story.log.state().fencing.finalActions.s1).toMatchObject({ action: 'reboot' })
})

test('two at one moment count twice', async () => {
  const story = begin()
  story.deaths.died('mirror', 'that of md1 was killed')
  story.deaths.died('mirror', 'that of md2 was killed')
  await story.virtual.pass(10_000)
  expect(onLog(story).mirror).toHaveLength(2)
})
