/** Lost mirror connects, as an agent tells the log of them. */
import { beforeEach, describe, expect, test } from 'vitest'
import type { Answer, Decide } from '../../../src/agents/log/recorder.ts'
import { connectTeller, lostAfterMs, restoredAfterMs } from '../../../src/agents/mirror/connects.ts'
import { mirrorName, sequence, serverName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { describeEvent } from '../../../src/projections/words.ts'
import { cluster } from '../decisions/demo.ts'
import { paired } from '../decisions/mirror-demo.ts'
import { type Given, stateOf } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

const data = {
  ...{ type: 'md', dataPartition: '/dev/d1', clusterPartition: '/dev/d2', mountPoint: '/data', port: 29_050 },
  connects: ['cross', 'lan'],
}
const voterAt = (name: string, host: number) => ({
  name,
  addresses: { lan: `10.0.0.${host}`, cross: `10.1.0.${host}` },
})
const ofTwoNetworks = cluster({
  web: { servers: ['s1', 's2'], resources: { data } },
  monitor: { target: { group: 'web' } },
  cluster: { servers: [voterAt('s1', 1), voterAt('s2', 2), voterAt('s3', 3)] },
})

/** The agent of one server with two mirror connects. */
class Watched {
  readonly virtual = new VirtualWorld()
  readonly said: string[] = []
  readonly #all: Given[] = [...ofTwoNetworks, ...paired.slice(ofTwoNetworks.length)]
  #state: State = stateOf(this.#all)
  readonly #submit = async (_: string, decide: Decide): Promise<Answer> => {
    const decision = decide(this.#state)
    if (decision === null) return { answer: 'nothing' }
    this.#all.push(decision.events)
    this.#state = stateOf(this.#all)
    this.said.push(...decision.events.map(describeEvent))
    return { answer: 'recorded', sequence: sequence(this.#all.length) }
  }
  readonly #recorder = { submit: this.#submit, state: () => this.#state }
  tellerOf = (server: string) =>
    connectTeller(this.virtual.world, {
      name: mirrorName('web', 'data'),
      me: serverName(server),
      recorder: this.#recorder,
    })
  teller = this.tellerOf('s1')

  /** Looks every half a second, as a keeper does. */
  readonly see = async (path: number | null, ms: number, does: 'serve' | 'follow' | 'nothing' = 'serve') => {
    for (let passed = 0; passed < ms; passed += 500) {
      this.teller({ does, path })
      await this.virtual.pass(500)
    }
  }
}

describe('a mirror connect', () => {
  let watched: Watched
  beforeEach(() => {
    watched = new Watched()
  })

  test('that is used is not told of', async () => {
    await watched.see(0, 60_000)
    expect(watched.said).toEqual([])
  })

  test('that is lost is told once, and once more when it is there again', async () => {
    await watched.see(1, 60_000)
    expect(watched.said).toEqual(['web.data: s1 lost the mirror connect over cross: it is connected over lan'])
    await watched.see(0, 60_000)
    expect(watched.said.slice(1)).toEqual(['web.data: s1 has the mirror connect over cross again'])
  })

  test('that is not used for a moment is not told of', async () => {
    await watched.see(1, lostAfterMs - 500)
    await watched.see(0, 60_000)
    expect(watched.said).toEqual([])
  })

  test('that comes and goes is told of once', async () => {
    for (let time = 0; time < 20; time++) {
      await watched.see(1, 10_000)
      await watched.see(0, restoredAfterMs - 500)
    }
    expect(watched.said).toHaveLength(1)
  })

  test('is not judged while there is no connection at all: a break says that', async () => {
    await watched.see(null, 60_000)
    expect(watched.said).toEqual([])
  })

  test('that was lost is told of by the side that serves, and is over for it when it follows', async () => {
    await watched.see(1, 10_000, 'follow')
    expect(watched.said).toEqual([])
    await watched.see(1, 10_000)
    await watched.see(0, 60_000, 'follow')
    expect(watched.said).toHaveLength(2)
  })

  test('that an agent before this one has told of is told of no more', async () => {
    await watched.see(1, 10_000)
    watched.teller = watched.tellerOf('s1')
    await watched.see(1, 10_000)
    expect(watched.said).toHaveLength(1)
  })
})
