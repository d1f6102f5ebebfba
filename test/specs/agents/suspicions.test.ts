import { describe, expect, test } from 'vitest'
import { replayWatch } from '../../../src/agents/heartbeats/replays.ts'
import { suspicions } from '../../../src/agents/voter/suspicions.ts'
import { beatNumber, type Incarnation, pathName, voterName } from '../../../src/events/index.ts'
import { VirtualWorld } from '../virtual-world.ts'

const observed = () => {
  const virtual = new VirtualWorld()
  const recorded: { readonly what: string; readonly count: number }[] = []
  const said: string[] = []
  const raise = suspicions(virtual.world, {
    say: (_, fields) => said.push(String(fields.what)),
    record: (what, count) => recorded.push({ what, count }),
  })
  return { virtual, recorded, said, raise }
}

describe('what is not what it claims to be', () => {
  test('is told at once, and then counted', async () => {
    const { virtual, recorded, said, raise } = observed()
    for (let beat = 0; beat < 1000; beat++) raise('a forged beat on lan:public')
    expect(said).toHaveLength(1)
    expect(recorded).toEqual([{ what: 'a forged beat on lan:public', count: 1 }])
    await virtual.pass(600_000)
    raise('a forged beat on lan:public')
    expect(recorded.at(-1)).toMatchObject({ count: 1000 })
  })
  test('of many kinds is not more than a few kinds', () => {
    const { recorded, raise } = observed()
    for (let kind = 0; kind < 1000; kind++) raise(`kind ${kind}`)
    expect(recorded.length).toBeLessThanOrEqual(33)
  })
})

describe('a beat that is said again', () => {
  const beat = (number: number, incarnation = 5) => ({
    from: voterName('s2'),
    incarnation: incarnation as Incarnation,
    number: beatNumber(number),
  })
  const lan = pathName('lan:public')
  test('much later is a replay, one that was only overtaken is not', () => {
    const isReplay = replayWatch()
    for (let number = 1; number <= 300; number++) expect(isReplay(beat(number), lan)).toBe(false)
    expect(isReplay(beat(290), lan)).toBe(false)
    expect(isReplay(beat(300), lan)).toBe(false)
    expect(isReplay(beat(20), lan)).toBe(true)
  })
  test('of a life before is a replay, the first of a new life is not', () => {
    const isReplay = replayWatch()
    isReplay(beat(300), lan)
    expect(isReplay(beat(1, 6), lan)).toBe(false)
    expect(isReplay(beat(301, 5), lan)).toBe(true)
  })
  test('is judged by path: a slow one may be far behind a fast one', () => {
    const isReplay = replayWatch()
    isReplay(beat(900), lan)
    expect(isReplay(beat(20), pathName('disk'))).toBe(false)
  })
})
