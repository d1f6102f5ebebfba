import { describe, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { MirrorPair, type PairOptions } from './mirror-pair.ts'

const paired = async (options: PairOptions = {}): Promise<MirrorPair> => {
  const pair = new MirrorPair(options)
  await pair.pairUp()
  expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired', dirtyBlocks: 0 })
  return pair
}

describe('a mirror that is built', () => {
  test('is copied in full, and both sides are current on the log only then', async () => {
    const pair = new MirrorPair()
    pair.servers.alpha.data.content.fill(9)
    await pair.pairUp()
    expect(pair.log.said).toEqual(['break alpha', 'join'])
    expect(pair.areEqual()).toBe(true)
    expect([...pair.log.current]).toEqual(['alpha', 'beta'])
  })

  test('serves alone when nobody comes, after the log has said so', async () => {
    const pair = new MirrorPair()
    pair.activate('alpha')
    const written = pair.write('alpha', 3, 7)
    await pair.virtual.pass(900)
    expect(written.answer).toBe('waits')
    await pair.virtual.pass(200)
    expect(written.answer).toBeNull()
    expect(pair.log.said).toEqual(['break alpha'])
  })
})

describe('a write', () => {
  test('is acknowledged when both sides have it', async () => {
    const pair = await paired()
    const written = pair.write('alpha', 3, 7)
    expect(written.answer).toBe('waits')
    await pair.virtual.pass(5)
    expect(written.answer).toBeNull()
    expect(pair.valueOf('beta', 3)).toBe(7)
  })

  test('with FUA, and a flush, are durable on both sides when they are acknowledged', async () => {
    const pair = await paired()
    const written = pair.write('alpha', 3, 7, true)
    await pair.virtual.pass(5)
    expect(written.answer).toBeNull()
    const plain = pair.write('alpha', 4, 8)
    const flushed = pair.flush('alpha')
    await pair.virtual.pass(5)
    expect([plain.answer, flushed.answer]).toEqual([null, null])
    for (const name of ['alpha', 'beta'] as const) {
      pair.crash(name, { keeps: () => false })
      expect([pair.valueOf(name, 3), pair.valueOf(name, 4)]).toEqual([7, 8])
    }
  })

  test('is marked on disk before it is sent or written', async () => {
    const pair = await paired()
    const seen: string[] = []
    pair.servers.alpha.metadata.before = (call) => seen.push(`metadata ${call.do}`)
    pair.servers.alpha.data.before = (call) => seen.push(`data ${call.do}`)
    pair.filter = (one) => {
      seen.push(one.kind)
      return one
    }
    pair.write('alpha', 30, 1)
    await pair.virtual.pass(5)
    expect(seen).toEqual(['metadata write', 'metadata flush', 'data write', 'write', 'ack'])
  })

  test('when the local disk fails ends the service where that is wanted: the other side has everything', async () => {
    const pair = await paired({ onDiskError: 'fail-over' })
    pair.servers.alpha.data.before = () => {
      throw new DiskTrouble('disk', 'write', 'bad sector')
    }
    const written = pair.write('alpha', 3, 7)
    expect(written.answer).toBe('EIO')
    expect(pair.active('alpha').condition).toMatchObject({
      pair: 'stopped',
      because: expect.stringMatching(/bad sector/),
    })
    expect(pair.write('alpha', 3, 7).answer).toBe('ESHUTDOWN')
  })

  test("when the other side's disk fails breaks the mirror", async () => {
    const pair = await paired()
    pair.servers.beta.data.before = () => {
      throw new DiskTrouble('disk', 'write', 'bad sector')
    }
    const written = pair.write('alpha', 3, 7)
    await pair.virtual.pass(100)
    expect(written.answer).toBeNull()
    expect(pair.active('alpha').condition).toMatchObject({
      pair: 'alone',
      because: expect.stringMatching(/bad sector/),
    })
  })
})

describe('when the other side is lost', () => {
  test('a write waits until the log knows who goes on', async () => {
    const pair = await paired()
    pair.log.isWritable = false
    pair.crash('beta')
    const written = pair.write('alpha', 3, 7)
    await pair.virtual.pass(60_000)
    expect(written.answer).toBe('waits')
    pair.log.isWritable = true
    await pair.virtual.pass(1000)
    expect(written.answer).toBeNull()
    expect([...pair.log.current]).toEqual(['alpha'])
  })

  test('a connection that comes back in time loses and repeats nothing', async () => {
    const pair = await paired()
    pair.filter = (one) => (one.kind === 'write' ? null : one)
    const lost = pair.write('alpha', 3, 7)
    await pair.virtual.pass(5)
    pair.cut()
    const meanwhile = pair.write('alpha', 3, 8)
    pair.filter = (one) => one
    pair.connect()
    await pair.virtual.pass(100)
    expect([lost.answer, meanwhile.answer, pair.valueOf('beta', 3)]).toEqual([null, null, 8])
    expect(pair.log.said).toEqual(['break alpha', 'join'])
  })

  test('what it has missed is copied when it returns, and nothing else', async () => {
    const pair = await paired()
    pair.crash('beta')
    for (const block of [3, 4, 40]) pair.write('alpha', block, 7)
    await pair.virtual.pass(3000)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'alone', dirtyBlocks: 3 })
    const copied: number[] = []
    pair.filter = (one) => {
      if (one.isResync && one.kind === 'write') copied.push(one.at / 4096, one.length / 4096)
      return one
    }
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(1000)
    expect(copied).toEqual([3, 2, 40, 1])
    expect(pair.areEqual()).toBe(true)
    expect(pair.log.said.slice(2)).toEqual(['break alpha', 'join'])
  })

  /** Beta loses its power, with a write that it had acknowledged and not flushed, and is back at once. */
  const afterPowerCut = async (): Promise<MirrorPair> => {
    const pair = await paired()
    pair.write('alpha', 3, 7, true)
    const written = pair.write('alpha', 4, 8)
    await pair.virtual.pass(5)
    expect(written.answer).toBeNull()
    pair.crash('beta', { keeps: () => false })
    expect([pair.valueOf('beta', 3), pair.valueOf('beta', 4)]).toEqual([7, 0])
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(1000)
    return pair
  }

  test('a power cut of it makes dirty what it had acknowledged and not flushed', async () => {
    const pair = await afterPowerCut()
    expect(pair.areEqual()).toBe(true)
    expect(pair.log.said.slice(2)).toEqual(['break alpha', 'join'])
  })

  test('it cannot be activated: the log says that it is not current', async () => {
    const pair = await paired()
    pair.crash('beta')
    pair.write('alpha', 3, 7)
    await pair.virtual.pass(3000)
    pair.crash('alpha')
    expect(pair.activate('beta')).toMatch(/the log calls the other side current/)
    expect(pair.activate('alpha')).toBeNull()
  })

  test('no answer in time is a loss, too', async () => {
    const pair = await paired()
    pair.filter = (one) => (one.kind === 'ack' ? null : one)
    const written = pair.write('alpha', 3, 7)
    await pair.virtual.pass(5000)
    expect(written.answer).toBeNull()
    expect(pair.active('alpha').condition.because).toMatch(/no answer for \d+ ms/)
  })
})

describe('after a takeover', () => {
  test('the side that was active gives up what only it had written', async () => {
    const pair = await paired()
    pair.filter = (one) => (one.kind === 'write' ? null : one)
    const unacknowledged = pair.write('alpha', 3, 7)
    await pair.virtual.pass(5)
    expect([unacknowledged.answer, pair.valueOf('alpha', 3)]).toEqual(['waits', 7])
    pair.filter = (one) => one
    pair.crash('alpha')
    expect(pair.activate('beta')).toBeNull()
    await pair.virtual.pass(2000)
    pair.follow('alpha')
    pair.connect()
    await pair.virtual.pass(1000)
    expect([pair.areEqual(), pair.valueOf('alpha', 3)]).toEqual([true, 0])
    expect(pair.active('beta').condition.pair).toBe('paired')
  })

  test('an older epoch is refused, and whoever acts under it stops', async () => {
    const pair = await paired()
    const stale = pair.active('alpha')
    // A takeover that alpha, a paused machine, has not noticed: beta follows somebody newer already.
    const { partition } = pair.servers.beta
    partition?.save({ ...partition.state, epoch: 99 })
    const written = pair.write('alpha', 3, 7)
    await pair.virtual.pass(10)
    expect(written.answer).toBe('EIO')
    expect(pair.valueOf('beta', 3)).toBe(0)
    expect(stale.condition).toMatchObject({ pair: 'stopped', because: expect.stringMatching(/epoch 2 is over/) })
  })

  test('a side whose machine was restarted while it followed is not activated by itself', async () => {
    const pair = await paired()
    pair.write('alpha', 4, 8)
    await pair.virtual.pass(5)
    pair.crash('beta', { keeps: () => false })
    pair.crash('alpha')
    expect(pair.activate('beta')).toMatch(/restarted while it followed/)
  })

  test('two sides that both went on are left as they are', async () => {
    const pair = await paired()
    pair.crash('beta')
    pair.write('alpha', 3, 7)
    await pair.virtual.pass(3000)
    pair.crash('alpha')
    // An operator who forces it.
    pair.log.current = new Set(['beta'])
    pair.log.generation = null
    expect(pair.activate('beta', true)).toBeNull()
    pair.write('beta', 3, 8)
    await pair.virtual.pass(3000)
    pair.follow('alpha')
    pair.connect()
    await pair.virtual.pass(3000)
    expect([pair.valueOf('alpha', 3), pair.valueOf('beta', 3)]).toEqual([7, 8])
    expect(pair.active('beta').condition).toMatchObject({
      pair: 'alone',
      because: expect.stringMatching(/both sides went on/),
    })
  })
})

describe('a resync', () => {
  test('leaves a copy that must not be activated when it is interrupted, and goes on later', async () => {
    const pair = await paired({
      limits: { resync: { windowBytes: 4096, bytesPerSecond: 40_960, flushEveryBytes: 8192 } },
    })
    pair.crash('beta')
    for (let block = 0; block < 40; block += 2) pair.write('alpha', block, 7)
    await pair.virtual.pass(3000)
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(1000)
    const left = pair.active('alpha').condition.dirtyBlocks
    expect(left).toBeGreaterThan(5)
    expect(left).toBeLessThan(15)
    pair.crash('beta')
    pair.log.current = new Set(['alpha', 'beta'])
    expect(pair.activate('beta')).toMatch(/had not caught up/)
    pair.log.current = new Set(['alpha'])
    pair.log.holder = 'alpha'
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(3000)
    expect([pair.areEqual(), pair.active('alpha').condition.pair]).toEqual([true, 'paired'])
  })

  test('lets writes through, to blocks it has copied and to those it has not', async () => {
    const pair = await paired({
      limits: { resync: { windowBytes: 4096, bytesPerSecond: 40_960, flushEveryBytes: 8192 } },
    })
    pair.crash('beta')
    for (let block = 0; block < 20; block++) pair.write('alpha', block, 7)
    await pair.virtual.pass(3000)
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(500)
    const writes = [0, 3, 10, 19].map((block) => pair.write('alpha', block, 8))
    await pair.virtual.pass(5)
    expect(writes.map(({ answer }) => answer)).toEqual([null, null, null, null])
    await pair.virtual.pass(5000)
    expect(pair.areEqual()).toBe(true)
  })
})

describe('a join on a connection that is lost', () => {
  /** Beta was brought up, and the last it should hear of that is lost, or its answer is; `cutMs` later both meet again. */
  const copiedAfter = async (lost: 'join' | 'ack', cutMs: number): Promise<MirrorPair> => {
    const pair = await paired()
    pair.crash('beta')
    pair.write('alpha', 3, 7)
    await pair.virtual.pass(3000)
    pair.follow('beta')
    let isJoining = false
    pair.filter = (one) => {
      isJoining ||= one.kind === 'join'
      return isJoining && (one.kind === 'ack' || lost === 'join') ? null : one
    }
    pair.connect()
    await pair.virtual.pass(500)
    expect([isJoining, pair.active('alpha').condition.pair]).toEqual([true, 'resyncing'])
    pair.cut()
    pair.filter = (one) => one
    pair.write('alpha', 9, 8)
    await pair.virtual.pass(cutMs)
    pair.connect()
    await pair.virtual.pass(2000)
    return pair
  }

  test.each([
    ['join', 100],
    ['join', 3000],
    ['ack', 100],
    ['ack', 3000],
  ] as const)('is made good without copying everything (the %s is lost, for %s ms)', async (lost, cutMs) => {
    const pair = await copiedAfter(lost, cutMs)
    expect([pair.active('alpha').condition.pair, pair.areEqual()]).toEqual(['paired', true])
    expect([pair.valueOf('beta', 3), pair.valueOf('beta', 9)]).toEqual([7, 8])
    expect(pair.told('resync').filter(({ state, copy }) => state === 'started' && copy === 'everything')).toHaveLength(
      1,
    )
  })
})

describe('asynchronous mode', () => {
  test('acknowledges before the other side has it, and breaks when the queue is full', async () => {
    const pair = await paired({ mode: 'async', limits: { queueBytes: 3 * 4096 } })
    expect(pair.write('alpha', 1, 1).answer).toBeNull()
    await pair.virtual.pass(5)
    expect(pair.valueOf('beta', 1)).toBe(1)
    pair.filter = (one) => (one.kind === 'ack' ? null : one)
    for (let block = 2; block < 6; block++) pair.write('alpha', block, 1)
    await pair.virtual.pass(100)
    expect(pair.active('alpha').condition).toMatchObject({
      pair: 'alone',
      because: expect.stringMatching(/queue is full/),
    })
  })

  test('brings a side that does not keep up, up again after pauses that grow', async () => {
    const pair = await paired({ mode: 'async', limits: { queueBytes: 3 * 4096 } })
    pair.filter = (one) => (one.kind === 'ack' && pair.active('alpha').condition.pair === 'paired' ? null : one)
    const breaks: number[] = []
    let was = 'paired'
    for (let passed = 0; passed < 200_000; passed += 100) {
      // As the connector does it: at once when a connection is over.
      if (pair.servers.alpha.link === null) pair.connect()
      for (let block = 0; block < 4; block++) pair.write('alpha', block, 1)
      await pair.virtual.pass(100)
      const { pair: now } = pair.active('alpha').condition
      if (now === 'alone' && was !== 'alone') breaks.push(passed / 1000)
      was = now
    }
    expect(breaks).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183])
  })
})
