import { describe, expect, test } from 'vitest'
import { comPath } from '../../../src/agents/heartbeats/com.ts'
import { agreementOf, compactCodec } from '../../../src/agents/heartbeats/compact-beat.ts'
import { slipFrame } from '../../../src/agents/heartbeats/slip.ts'
import type { Beat } from '../../../src/decisions/liveness.ts'
import type { SerialLines } from '../../../src/world/world.ts'
import { configurationOf, two } from '../configuration/samples.ts'
import { Voter } from '../liveness/voters.ts'
import { VirtualWorld } from '../virtual-world.ts'

const configuration = configurationOf(two.replace('alpha', 's1').replace('beta', 's2').replace('gamma', 'w'))
const key = new Uint8Array(32).fill(7)

/** A path, and its line as the spec sees it. */
const setUp = (baudRate = 19_200) => {
  const virtual = new VirtualWorld()
  const codec = compactCodec(virtual.world, agreementOf(configuration), { key, groups: () => [] })
  const heard: Beat[] = []
  const said: string[] = []
  const written: Uint8Array[] = []
  let opened: Parameters<SerialLines['open']>[1] | null = null
  const line = { opens: 0, closes: 0, refuses: null as string | null, isStuck: false }
  const serialLines: SerialLines = {
    open: async (_, options) => {
      line.opens += 1
      if (line.refuses !== null) throw new Error(line.refuses)
      opened = options
      return {
        write: (bytes) => {
          written.push(bytes)
          return line.isStuck ? new Promise(() => {}) : Promise.resolve()
        },
        close: () => {
          line.closes += 1
        },
      }
    },
  }
  const path = comPath(
    { clock: virtual.clock, serialLines },
    {
      device: '/dev/ttyS0',
      baudRate,
      codec,
      parts: {
        hear: (beat) => heard.push(beat),
        suspicious: (what) => said.push(what),
        say: (what) => said.push(what),
      },
    },
  )
  const voter = new Voter('s1')
  const send = (): Beat => {
    const beat = voter.beat(virtual.now)
    path.send(new Uint8Array(), beat)
    return beat
  }
  const framed = (beat: Beat) => {
    const bytes = codec.encode(beat)
    if ('unfit' in bytes) throw new Error(bytes.unfit)
    return slipFrame(bytes)
  }
  const { pass, settle } = virtual
  return {
    path,
    send,
    framed,
    heard,
    said,
    written,
    line,
    pass,
    settle,
    arrives: (bytes: Uint8Array) => opened?.received(bytes),
    ends: (because: string) => opened?.closed(because),
  }
}

describe('a beat by serial line', () => {
  test('arrives as it was sent, garbage before and after it notwithstanding', async () => {
    const { settle, arrives, framed, heard } = setUp()
    await settle()
    const beat = new Voter('s2').beat(0)
    arrives(Uint8Array.of(1, 2, 0xdb, 3))
    arrives(framed(beat))
    arrives(Uint8Array.of(0xc0, 0xff, 0xb7, 1))
    arrives(framed(beat))
    expect(heard).toEqual([beat, beat])
  })
  test('is skipped when a newer one comes before the line is free', async () => {
    const { send, settle, pass, written, framed } = setUp()
    await settle()
    const [first, , , last] = [send(), send(), send(), send()]
    expect(written).toHaveLength(1)
    await pass(1000)
    expect(written).toEqual([framed(first), framed(last)])
  })
  test('does not follow another before that has left the line at its speed', async () => {
    const { send, pass, written } = setUp(9600)
    await pass(0)
    send()
    send()
    const lineMs = ((written[0]?.length ?? 0) * 10_000) / 9600
    await pass(lineMs - 1)
    expect(written).toHaveLength(1)
    await pass(2)
    expect(written).toHaveLength(2)
  })
})

describe('a serial line that is lost', () => {
  test('is opened again after a pause, and the newest beat sent', async () => {
    const { send, settle, pass, written, ends, line, framed } = setUp()
    await settle()
    ends('unplugged')
    const [, last] = [send(), send()]
    await pass(900)
    expect(line.opens).toBe(1)
    await pass(200)
    expect(line.opens).toBe(2)
    expect(written).toEqual([framed(last)])
  })
  test('is tried once a second, and that is said once', async () => {
    const { settle, pass, ends, line, said } = setUp()
    await settle()
    line.refuses = 'no such device'
    ends('unplugged')
    await pass(60_000)
    expect(line.opens).toBeLessThanOrEqual(61)
    expect(said.filter((what) => what.includes('lost'))).toHaveLength(1)
  })
  test('since it takes nothing any more, is closed and opened again', async () => {
    const { send, settle, pass, line } = setUp()
    await settle()
    line.isStuck = true
    send()
    await pass(4900)
    expect(line).toMatchObject({ opens: 1, closes: 0 })
    await pass(1200)
    expect(line).toMatchObject({ opens: 2, closes: 1 })
  })
  test('is left alone once the path is closed', async () => {
    const { path, settle, pass, ends, line, arrives, framed, heard } = setUp()
    await settle()
    path.close()
    ends('closed')
    arrives(framed(new Voter('s2').beat(0)))
    await pass(10_000)
    expect(line).toMatchObject({ opens: 1, closes: 1 })
    expect(heard).toEqual([])
  })
})
