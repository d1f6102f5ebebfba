/** What the commands of this machine are sent of the log: all of it, or word of what is missing. */
import { expect, test } from 'vitest'
import { sendLog } from '../../../src/agents/log/send-log.ts'
import { type EventLog, incompleteMark, sequence } from '../../../src/events/index.ts'
import { memoryLog } from '../../../src/events/memory-log.ts'
import { fold, initialState } from '../../../src/projections/state.ts'
import type { LocalReply } from '../../../src/world/world.ts'
import { digestOf, storyOf } from '../../recorded-log.ts'
import { configuredAs, joined } from '../decisions/demo.ts'
import { VirtualWorld } from '../virtual-world.ts'

const story = storyOf([[configuredAs({})], [joined('s1')], [joined('s2')]])

/** What a reader is sent that asks for everything. */
const sent = async (follow: EventLog['follow'], query = ''): Promise<{ readonly lines: string[]; isOver: boolean }> => {
  const virtual = new VirtualWorld()
  const answer = { lines: [] as string[], isOver: false }
  const take = (text = ''): void => void answer.lines.push(...text.split('\n').filter((line) => line !== ''))
  const reply: LocalReply = {
    begin: () => {},
    write: (text) => {
      take(text)
      return true
    },
    drained: async () => {},
    end: (text) => {
      take(text)
      answer.isOver = true
    },
    onGone: () => {},
  }
  const log = { ...memoryLog(digestOf, story), follow }
  const recorder = { state: () => fold(initialState, story) }
  const asked = { query: new URLSearchParams(query), reply }
  void sendLog(virtual.world.clock, { log, recorder, cluster: 'demo' }, asked)
  await virtual.pass(60_000)
  return answer
}
const everything: EventLog['follow'] = (after, reader) => memoryLog(digestOf, story).follow(after, reader)
const silence: EventLog['follow'] = () => ({ stop: () => {} })

test('the whole log is sent', async () => {
  const { lines, isOver } = await sent(everything)
  expect(lines).toHaveLength(1 + story.length)
  expect(isOver).toBe(true)
})

test('a log that does not answer is not waited for, and nobody takes what came for all of it', async () => {
  const { lines, isOver } = await sent(silence)
  expect(lines.at(-1)).toBe(`${incompleteMark}the log cannot be read beyond 0: it has not answered for 8 s`)
  expect(isOver).toBe(true)
})

test('a log that ends in the middle is told as that', async () => {
  const { lines, isOver } = await sent((after, reader) =>
    everything(after, { ...reader, commits: (recorded) => reader.commits(recorded.slice(0, 1)) }),
  )
  expect(lines.at(-1)).toContain(`${incompleteMark}the log cannot be read beyond 1`)
  expect(isOver).toBe(true)
})

test('damage is told by its name', async () => {
  const { lines } = await sent((_, reader) => {
    queueMicrotask(() => reader.trouble({ trouble: 'hole', at: sequence(1) }))
    return { stop: () => {} }
  })
  expect(lines.at(-1)).toBe(`${incompleteMark}the log cannot be read beyond 0: commit 1 is missing`)
})

test('whoever follows waits for as long as nothing comes', async () => {
  const { isOver } = await sent(silence, 'follow=1')
  expect(isOver).toBe(false)
})
