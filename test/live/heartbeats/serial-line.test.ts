/** The com path on real terminals: what the kernel and the library make of it. */
import { describe, expect } from 'vitest'
import { comPath } from '../../../src/agents/heartbeats/com.ts'
import { agreementOf, compactCodec } from '../../../src/agents/heartbeats/compact-beat.ts'
import type { Beat } from '../../../src/decisions/liveness.ts'
import { realWorld } from '../../../src/world/real.ts'
import { configurationOf, two } from '../../specs/configuration/samples.ts'
import { Voter } from '../../specs/liveness/voters.ts'
import { liveTest } from '../lab/live-test.ts'
import { SerialCable } from '../lab/serial-cable.ts'
import { until } from '../lab/until.ts'

const world = realWorld()
const key = new Uint8Array(32).fill(7)
const configuration = configurationOf(two.replace('alpha', 's1').replace('beta', 's2').replace('gamma', 'w'))
const withinMs = 20_000
const needs = { needs: ['socat'], timeoutMs: 60_000 } as const
/** Nearly as fast as the quickest cluster of the live tests. */
const intervalMs = 70

/** One server at its end of the cable, beating. */
class End {
  readonly heard: Beat[] = []
  readonly said: string[] = []
  readonly name: string
  readonly #path: ReturnType<typeof comPath>
  #isClosed = false

  constructor(name: string, device: string) {
    this.name = name
    this.#path = comPath(world, {
      device,
      baudRate: 19_200,
      codec: compactCodec(world, agreementOf(configuration), { key, groups: () => [] }),
      parts: {
        hear: (beat) => this.heard.push(beat),
        suspicious: (what) => this.said.push(what),
        say: (what, { because = '' }) => this.said.push(`${what} ${String(because)}`.trim()),
      },
    })
    const voter = new Voter(name)
    const beat = () => {
      if (this.#isClosed) return
      this.#path.send(new Uint8Array(), voter.beat(world.clock.now()))
      world.clock.after(intervalMs, beat)
    }
    beat()
  }

  async hearsMore(count = 5): Promise<void> {
    const before = this.heard.length
    await until(() => this.heard.length >= before + count, withinMs, `${this.name} to hear ${count} beats`)
  }

  [Symbol.dispose](): void {
    this.#isClosed = true
    this.#path.close()
  }
}

describe('two servers on a serial cable', () => {
  liveTest('hear each other, at the pace of the line', needs, async (context) => {
    await using cable = await SerialCable.create()
    using s1 = new End('s1', cable.end(0))
    using s2 = new End('s2', cable.end(1))
    await Promise.all([s1.hearsMore(), s2.hearsMore()])
    const began = world.clock.now()
    await s1.hearsMore(20)
    const each = (world.clock.now() - began) / 20
    await context.annotate(`a beat every ${each.toFixed(0)} ms`)
    expect(each).toBeGreaterThan(60)
    expect(s1.heard.every(({ from }) => from === 's2')).toBe(true)
    expect(new Set(s1.heard.map(({ number }) => number)).size).toBe(s1.heard.length)
  })

  liveTest('hear each other through garbage, and believe none of it', needs, async () => {
    await using cable = await SerialCable.create()
    using s1 = new End('s1', cable.end(0))
    using s2 = new End('s2', cable.end(1))
    await s2.hearsMore()
    for (let round = 0; round < 20; round++) {
      await cable.disturb(
        0,
        Uint8Array.from({ length: 300 }, (_, i) => (i * 37 + round * 101) % 256),
      )
      await s2.hearsMore(1)
    }
    expect(s2.heard.every(({ from }) => from === 's1')).toBe(true)
    expect(s1.heard.every(({ from }) => from === 's2')).toBe(true)
    expect(s2.said.filter((what) => what.includes('lost'))).toEqual([])
  })

  liveTest('hear each other again after the cable was pulled and put back', needs, async (context) => {
    await using cable = await SerialCable.create()
    using s1 = new End('s1', cable.end(0))
    using s2 = new End('s2', cable.end(1))
    for (let round = 0; round < 3; round++) {
      await Promise.all([s1.hearsMore(), s2.hearsMore()])
      await cable.unplug()
      await until(() => s1.said.at(-1)?.includes('lost') && s2.said.at(-1)?.includes('lost'), withinMs, 'the loss')
      const used = process.cpuUsage()
      const [counted, began] = [s1.heard.length, world.clock.now()]
      await until(() => world.clock.now() - began > 2500, withinMs, 'the cable to have been off for a while')
      const { user, system } = process.cpuUsage(used)
      expect((user + system) / 1000, 'ms of CPU while the cable is off').toBeLessThan(1500)
      expect(s1.heard.length).toBe(counted)
      await cable.plug()
      const plugged = world.clock.now()
      await Promise.all([s1.hearsMore(1), s2.hearsMore(1)])
      await context.annotate(`heard again after ${(world.clock.now() - plugged).toFixed(0)} ms`)
    }
  })

  liveTest(
    'with one broken wire: one hears the other, that one nothing; both do when it is mended',
    needs,
    async () => {
      await using cable = await SerialCable.create()
      using s1 = new End('s1', cable.end(0))
      using s2 = new End('s2', cable.end(1))
      for (const [from, deaf, hearing] of [[0, s1, s2] as const, [1, s2, s1] as const]) {
        await Promise.all([s1.hearsMore(), s2.hearsMore()])
        await cable.halve(from)
        await hearing.hearsMore()
        const [counted, told] = [deaf.heard.length, deaf.said.length]
        await hearing.hearsMore(20)
        expect(deaf.heard.length).toBe(counted)
        // What it writes goes nowhere, and it cannot know.
        expect(deaf.said.slice(told)).toEqual([])
        await cable.unplug()
        await cable.plug()
      }
      await Promise.all([s1.hearsMore(), s2.hearsMore()])
    },
  )

  liveTest('do not hear what had waited in the line before they opened it', needs, async () => {
    await using cable = await SerialCable.create()
    const first = new End('s1', cable.end(0))
    await until(() => first.said.includes('the serial line is open'), withinMs, 's1 to be there')
    const began = world.clock.now()
    await until(() => world.clock.now() - began > 1500, withinMs, 'beats that nobody reads')
    first[Symbol.dispose]()
    using s2 = new End('s2', cable.end(1))
    await until(() => s2.said.includes('the serial line is open'), withinMs, 's2 to be there')
    const opened = world.clock.now()
    await until(() => world.clock.now() - opened > 1000, withinMs, 'old beats to arrive')
    expect(s2.heard).toEqual([])
  })
})
