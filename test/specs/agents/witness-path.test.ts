import { describe, expect, test } from 'vitest'
import { beatCodec } from '../../../src/agents/heartbeats/beat-codec.ts'
import { witnessPathOf } from '../../../src/agents/heartbeats/witness.ts'
import { witnessDesk, witnessPath } from '../../../src/agents/heartbeats/witness-desk.ts'
import type { HttpAnswer } from '../../../src/world/world.ts'
import { Voter } from '../liveness/voters.ts'
import { VirtualWorld } from '../virtual-world.ts'

const key = new Uint8Array(32).fill(7)
const cluster = 'demo'

/** A web witness, and the paths of servers to it, on one clock. */
class Setting {
  readonly virtual = new VirtualWorld()
  readonly codec = beatCodec(this.virtual.world, cluster, key)
  /** What the witness finds odd. */
  readonly odd: string[] = []
  desk = this.newDesk()
  /** What the network does instead of delivering. */
  answers: ((answer: HttpAnswer) => Promise<HttpAnswer>) | null = null
  asked = 0

  newDesk() {
    return witnessDesk(this.virtual.world, { cluster, key, suspicious: (what) => this.odd.push(what) })
  }

  post(body: Uint8Array, from = '10.0.0.1'): HttpAnswer {
    return this.desk.answer({ method: 'POST', path: witnessPath, body, from })
  }

  server(name: string, voter = new Voter(name)) {
    const heard: string[] = []
    const said: string[] = []
    const world = {
      ...this.virtual.world,
      http: {
        ask: async ({ body = new Uint8Array() }: { readonly body?: Uint8Array }) => {
          this.asked += 1
          const answer = this.post(body)
          const { status, body: text } = this.answers ? await this.answers(answer) : answer
          return { status, body: typeof text === 'string' ? new TextEncoder().encode(text) : text }
        },
      },
    }
    const path = witnessPathOf(world, {
      ...{ url: 'http://10.0.0.9:29020', timeout: 500, cluster, key, deadAfterMs: 3000, intervalMs: 300 },
      parts: {
        hear: (beat) => heard.push(`${beat.from} ${beat.number}`),
        suspicious: (what) => said.push(what),
        say: (what) => said.push(what),
      },
    })
    const beat = async () => {
      const next = voter.beat(this.virtual.now)
      path.send(this.codec.encode(next), next)
      await this.virtual.settle()
    }
    return { path, voter, heard, said, beat }
  }
}

describe('two servers that reach nothing but the witness', () => {
  test('hear each other through it', async () => {
    const setting = new Setting()
    const [s1, s2] = [setting.server('s1'), setting.server('s2')]
    for (let round = 0; round < 3; round++) {
      await s1.beat()
      await s2.beat()
      await setting.virtual.pass(300)
    }
    expect(s1.heard).toEqual(['s2 2'])
    expect(s2.heard).toEqual(['s1 2', 's1 3'])
    expect(s1.said).toEqual(['the web witness answers'])
  })

  test('a server that starts does not take a dead one’s last beat for news', async () => {
    const setting = new Setting()
    await setting.server('s1').beat()
    const s2 = setting.server('s2')
    for (let round = 0; round < 30; round++) {
      await s2.beat()
      await setting.virtual.pass(300)
    }
    expect(s2.heard).toEqual([])
  })

  test('a beat that is older than half of T is not heard', async () => {
    const setting = new Setting()
    const [s1, s2] = [setting.server('s1'), setting.server('s2')]
    await s1.beat()
    await s2.beat()
    await s1.beat()
    await setting.virtual.pass(1600)
    await s2.beat()
    expect(s2.heard).toEqual([])
  })
})

describe('the witness', () => {
  test('refuses what is no beat of its cluster, and says why', () => {
    const setting = new Setting()
    const beat = new Voter('s1').beat(100)
    const foreign = beatCodec(setting.virtual.world, 'other', key).encode(beat)
    const forged = beatCodec(setting.virtual.world, cluster, new Uint8Array(32)).encode(beat)
    expect(setting.post(foreign)).toMatchObject({ status: 403, body: expect.stringContaining('cluster demo') })
    expect(setting.post(forged)).toMatchObject({ status: 403, body: expect.stringContaining('cluster.key') })
    expect(setting.post(new Uint8Array())).toMatchObject({ status: 403 })
    // What is of another cluster has only lost its way.
    expect(setting.odd).toEqual(['a forged beat by HTTP'])
  })

  test('answers a replayed beat with nothing', () => {
    const setting = new Setting()
    const voter = new Voter('s1')
    const [first, second] = [voter.beat(100), voter.beat(400)].map((beat) => setting.codec.encode(beat))
    expect(setting.post(second ?? new Uint8Array()).status).toBe(200)
    expect(setting.post(first ?? new Uint8Array()).status).toBe(409)
    expect(setting.post(second ?? new Uint8Array()).status).toBe(409)
    expect(setting.odd).toEqual(Array(2).fill('an old beat of s1 by HTTP, said again'))
  })

  test('takes beats of sixteen voters and no more, whoever has the key', () => {
    const setting = new Setting()
    const statuses = Array.from({ length: 18 }, (_, i) =>
      setting.post(setting.codec.encode(new Voter(`s${i}`).beat(100)), `10.0.0.${i}`),
    ).map(({ status }) => status)
    expect(statuses).toEqual([...Array(16).fill(200), 403, 403])
  })

  test('slows down whoever asks too much, and nobody else', async () => {
    const setting = new Setting()
    const flood = Array.from({ length: 150 }, () => setting.post(new Uint8Array(), '10.6.6.6').status)
    expect(flood.filter((status) => status === 429)).toHaveLength(50)
    expect(setting.post(setting.codec.encode(new Voter('s1').beat(100))).status).toBe(200)
    await setting.virtual.pass(1000)
    expect(setting.post(new Uint8Array(), '10.6.6.6').status).toBe(403)
  })

  test('says that it is there to whoever asks by HEAD, for NP resolution', () => {
    const head = { method: 'HEAD', path: '/', body: new Uint8Array(), from: '10.0.0.1' }
    expect(new Setting().desk.answer(head).status).toBe(200)
  })
})

describe('a witness that does not answer', () => {
  test('is asked one thing at a time, and the newest beat waits', async () => {
    const setting = new Setting()
    const s1 = setting.server('s1')
    let answer: (() => void) | null = null
    setting.answers = (given) => new Promise((resolve) => (answer = () => resolve(given)))
    for (let round = 0; round < 5; round++) await s1.beat()
    expect(setting.asked).toBe(1)
    ;(answer as (() => void) | null)?.()
    await setting.virtual.settle()
    expect(setting.asked).toBe(2)
  })

  test('is asked less often, but within a quarter of T again', async () => {
    const setting = new Setting()
    const s1 = setting.server('s1')
    setting.answers = () => Promise.reject(new Error('refused'))
    for (let round = 0; round < 40; round++) {
      await s1.beat()
      await setting.virtual.pass(300)
    }
    // 12 seconds, and after the first few a pause of 750 ms each.
    expect(setting.asked).toBeGreaterThan(12)
    expect(setting.asked).toBeLessThan(20)
    expect(s1.said).toEqual(['the web witness cannot be used'])
    setting.answers = null
    await s1.beat()
    await setting.virtual.pass(750)
    expect(s1.said).toEqual(['the web witness cannot be used', 'the web witness answers'])
  })

  test('an answer by somebody else is suspicious, and nothing is heard', async () => {
    const setting = new Setting()
    const s1 = setting.server('s1')
    setting.answers = async ({ status }) => ({ status, body: new Uint8Array([66, 84, 87, 49, ...new Uint8Array(60)]) })
    await s1.beat()
    expect(s1.said).toContain('a forged answer of the web witness')
    expect(s1.heard).toEqual([])
  })
})
