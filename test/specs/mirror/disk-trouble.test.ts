/** What one disk cannot do, the other one does. */
import { describe, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { Standby } from '../../../src/mirror/engine/standby.ts'
import type { BlockError } from '../../../src/mirror/engine-interface.ts'
import { badBlock, failWrites, paired, read } from './failing-disks.ts'
import { blockBytes, MirrorPair } from './mirror-pair.ts'

describe('a block that the active disk does not read', () => {
  test('is read from the other side, told, and written here again', async () => {
    const pair = await paired()
    badBlock(pair, 'alpha', 5)
    const got = read(pair, 4, 3)
    await pair.virtual.pass(10)
    expect(got.answer).toBeNull()
    expect([got.into[0], got.into[blockBytes], got.into[2 * blockBytes]]).toEqual([0, 77, 0])
    expect(pair.told('trouble')).toEqual([
      { say: 'trouble', operation: 'read', offsets: [5 * blockBytes], because: 'disk: read: bad sector' },
    ])
    expect(pair.told('repaired')).toEqual([{ say: 'repaired', at: 4 * blockBytes, length: 3 * blockBytes }])
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
    expect(read(pair, 5).answer).toBeNull()
  })

  test('has what was written just before', async () => {
    const pair = await paired()
    const { data } = pair.servers.alpha
    data.before = ({ do: call, at, length }) => {
      if (call === 'read') throw new DiskTrouble('disk', 'read', 'bad sector', { operation: 'read', at, length })
    }
    pair.write('alpha', 5, 78)
    const got = read(pair, 5)
    await pair.virtual.pass(10)
    expect([got.answer, got.into[0]]).toEqual([null, 78])
  })

  test('that is written meanwhile keeps what was written', async () => {
    const pair = await paired()
    badBlock(pair, 'alpha', 5)
    const got = read(pair, 5)
    pair.write('alpha', 5, 79)
    await pair.virtual.pass(10)
    expect([got.answer, got.into[0]]).toEqual([null, 77])
    expect([pair.valueOf('alpha', 5), pair.valueOf('beta', 5)]).toEqual([79, 79])
    expect(pair.told('repaired')).toEqual([])
  })

  test('waits for a connection that was lost, and is an error once this side is alone', async () => {
    const pair = await paired()
    badBlock(pair, 'alpha', 5)
    const lost = read(pair, 5)
    pair.cut()
    pair.connect()
    await pair.virtual.pass(100)
    expect([lost.answer, lost.into[0]]).toEqual([null, 77])
    badBlock(pair, 'alpha', 5)
    const late = read(pair, 5)
    pair.crash('beta')
    badBlock(pair, 'alpha', 5)
    await pair.virtual.pass(3000)
    expect(late.answer).toBe('EIO')
    expect(read(pair, 5).answer).toBe('EIO')
    expect(pair.active('alpha').condition, 'what it can read it serves').toMatchObject({ pair: 'alone' })
    expect(read(pair, 6).answer).toBeNull()
  })

  test('nor the other disk is an error of that read only', async () => {
    const pair = await paired()
    badBlock(pair, 'alpha', 5)
    badBlock(pair, 'beta', 5)
    const got = read(pair, 5)
    const other = read(pair, 6)
    await pair.virtual.pass(10)
    expect([got.answer, other.answer]).toEqual(['EIO', null])
    expect(pair.told('trouble')).toHaveLength(2)
  })

  test('does not end the service when the other side is brought up: all else is copied, and that once it was written', async () => {
    const pair = await paired()
    pair.crash('beta')
    for (const block of [5, 6, 7]) pair.write('alpha', block, 78)
    pair.flush('alpha')
    await pair.virtual.pass(3000)
    badBlock(pair, 'alpha', 6)
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(500)
    const because = 'the local disk does not read 1 of the blocks that differ'
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'alone', because })
    expect([5, 6, 7].map((block) => pair.valueOf('beta', block))).toEqual([78, 0, 78])
    expect(pair.told('trouble')).toMatchObject([{ operation: 'read', offsets: [6 * blockBytes] }])
    expect([...pair.log.current]).toEqual(['alpha'])
    expect(read(pair, 5).answer).toBeNull()
    expect(pair.write('alpha', 6, 79).answer).toBeNull()
    for (let passed = 0; passed < 3000; passed += 100) {
      if (pair.servers.alpha.link === null) pair.connect()
      await pair.virtual.pass(100)
    }
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
    expect([pair.areEqual(), pair.valueOf('beta', 6)]).toEqual([true, 79])
  })

  test('costs a first copy no more reads than it takes to find it, and is all that is copied when that is tried again', async () => {
    const pair = new MirrorPair()
    let failed = 0
    pair.servers.alpha.data.before = ({ do: call, at, length }) => {
      if (call !== 'read' || at > 6 * blockBytes || at + length <= 6 * blockBytes) return
      failed += 1
      throw new DiskTrouble('disk', 'read', 'bad sector', { operation: 'read', at, length })
    }
    await pair.pairUp()
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'alone', dirtyBlocks: 1 })
    expect(failed, 'together with others, by itself, and for its bytes to be told').toBe(3)
    pair.servers.alpha.data.before = () => undefined
    const copied: number[] = []
    pair.filter = (one) => {
      if (one.isResync && one.length > 0) copied.push(one.at / blockBytes)
      return one
    }
    pair.connect()
    await pair.virtual.pass(2000)
    expect([pair.active('alpha').condition.pair, pair.areEqual(), copied]).toEqual(['paired', true, [6]])
  })

  test('is answered once when a write of the same burst fails', async () => {
    const pair = await paired({ onDiskError: 'fail-over' })
    pair.servers.alpha.data.before = ({ do: call, at, length }) => {
      if (call !== 'flush') throw new DiskTrouble('disk', call, 'gone', { operation: call, at, length })
    }
    const answers: (BlockError | null)[] = []
    const settle = (error: BlockError | null): void => void answers.push(error)
    pair.active('alpha').submit([
      { do: 'read', at: 0, into: new Uint8Array(blockBytes), settle },
      { do: 'write', at: 0, bytes: new Uint8Array(blockBytes), fua: false, settle },
    ])
    await pair.virtual.pass(10)
    expect(answers).toEqual(['EIO', 'EIO'])
    expect(pair.told('trouble').map(({ operation }) => operation)).toEqual(['read', 'write'])
  })
})

describe('an active side whose disk fails to write', () => {
  test.each(['data', 'metadata'] as const)('goes on with the other disk once the log has it (%s)', async (disk) => {
    const pair = await paired()
    failWrites(pair, disk)
    pair.log.isWritable = false
    const [written, flushed] = [pair.write('alpha', 3, 9), pair.flush('alpha')]
    await pair.virtual.pass(1500)
    expect(pair.valueOf('beta', 3), 'the other side has what is marked here').toBe(disk === 'data' ? 9 : 0)
    expect([written.answer, flushed.answer]).toEqual(['waits', 'waits'])
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'holding' })
    pair.log.isWritable = true
    await pair.virtual.pass(600)
    expect([written.answer, flushed.answer]).toEqual([null, null])
    expect(pair.valueOf('beta', 3), 'the other side has it').toBe(9)
    expect([...pair.log.current]).toEqual(['beta'])
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'detached', because: expect.stringMatching(/EIO/) })
    expect(pair.told('trouble')).toHaveLength(1)
  })

  test('tells at which byte', async () => {
    const pair = await paired()
    failWrites(pair)
    pair.write('alpha', 3, 9)
    await pair.virtual.pass(10)
    expect(pair.told('trouble')).toMatchObject([{ operation: 'write', offsets: [3 * blockBytes] }])
  })

  test('reads and writes there, and nothing here', async () => {
    const pair = await paired()
    failWrites(pair)
    pair.write('alpha', 3, 9)
    await pair.virtual.pass(10)
    let touched = 0
    pair.servers.alpha.data.before = () => {
      touched += 1
    }
    const answers = [4, 5, 6, 7].map((block) => pair.write('alpha', block, 20 + block))
    const got = read(pair, 3, 5)
    await pair.virtual.pass(10)
    expect(answers.map(({ answer }) => answer)).toEqual([null, null, null, null])
    expect([got.answer, ...[0, 1, 2, 3, 4].map((at) => got.into[at * blockBytes])]).toEqual([null, 9, 24, 25, 26, 27])
    expect(touched).toBe(0)
    expect(pair.active('alpha').operator.resync(true)).toMatch(/no disk to copy from/)
  })

  test('is the end of a burst half of which was written here', async () => {
    const pair = await paired()
    pair.servers.alpha.data.before = ({ do: call, at, length }) => {
      if (call === 'write' && at === 5 * blockBytes)
        throw new DiskTrouble('disk', call, 'EIO', { operation: call, at, length })
    }
    const answers: (BlockError | null)[] = []
    const settle = (error: BlockError | null): void => void answers.push(error)
    const into = new Uint8Array(2 * blockBytes)
    const write = (block: number) =>
      ({
        do: 'write',
        at: block * blockBytes,
        bytes: new Uint8Array(blockBytes).fill(block),
        fua: true,
        settle,
      }) as const
    pair.active('alpha').submit([write(4), write(5), write(6), { do: 'read', at: 5 * blockBytes, into, settle }])
    await pair.virtual.pass(10)
    expect(answers).toEqual([null, null, null, null])
    expect([into[0], into[blockBytes]]).toEqual([5, 6])
  })

  test.each(['sync', 'async'] as const)(
    'fails when the other side is lost, and acknowledges nothing (%s)',
    async (mode) => {
      const pair = await paired({ mode })
      failWrites(pair)
      pair.write('alpha', 3, 9)
      await pair.virtual.pass(10)
      const said = pair.log.said.length
      pair.filter = () => null
      const late = pair.write('alpha', 4, 1)
      expect(late.answer, 'asynchronous no longer').toBe('waits')
      pair.crash('beta')
      await pair.virtual.pass(2000)
      expect(late.answer).toBe('EIO')
      expect(pair.active('alpha').condition).toMatchObject({ pair: 'stopped', because: expect.stringMatching(/lost/) })
      expect(pair.write('alpha', 5, 1).answer).toBe('ESHUTDOWN')
      await pair.virtual.pass(5000)
      expect(pair.log.said.slice(said), 'it is never called current again').toEqual([])
      expect(pair.activate('alpha')).toMatch(/the log calls the other side current/)
      expect(pair.activate('beta')).toBeNull()
      expect([pair.valueOf('beta', 3), pair.valueOf('beta', 5)]).toEqual([9, 77])
    },
  )

  test('fails when the other side is lost before the log was asked', async () => {
    const pair = await paired()
    failWrites(pair)
    pair.log.isWritable = false
    const written = pair.write('alpha', 3, 9)
    await pair.virtual.pass(10)
    pair.crash('beta')
    await pair.virtual.pass(10)
    expect(written.answer).toBe('EIO')
    pair.log.isWritable = true
    await pair.virtual.pass(5000)
    expect(pair.log.said.filter((one) => one.startsWith('detach'))).toEqual([])
  })

  test('fails over where that is configured, where it has no other side, and where the log refuses', async () => {
    const configured = await paired({ onDiskError: 'fail-over' })
    const alone = await paired()
    alone.crash('beta')
    await alone.virtual.pass(3000)
    const refused = await paired()
    refused.log.detachMirror = async () => 'refused'
    for (const pair of [configured, alone, refused]) {
      failWrites(pair)
      const written = pair.write('alpha', 3, 9)
      await pair.virtual.pass(1000)
      expect(written.answer).toBe('EIO')
      expect(pair.active('alpha').condition).toMatchObject({ pair: 'stopped' })
    }
  })

  test('is brought up in full afterwards, whatever its marks say', async () => {
    const pair = await paired()
    failWrites(pair)
    for (const block of [1, 2, 3]) pair.write('alpha', block, 30 + block)
    await pair.virtual.pass(10)
    pair.servers.alpha.data.before = () => undefined
    pair.write('alpha', 40, 99)
    await pair.virtual.pass(10)
    pair.crash('alpha')
    expect(pair.activate('beta')).toBeNull()
    pair.follow('alpha')
    await pair.virtual.pass(1500)
    pair.connect()
    await pair.virtual.pass(1000)
    expect(pair.active('beta').condition).toMatchObject({ pair: 'paired' })
    expect(pair.areEqual()).toBe(true)
    expect(pair.valueOf('alpha', 40)).toBe(99)
  })
})

test("trouble with the other side's disk is told there, and breaks the mirror", async () => {
  const pair = await paired()
  pair.servers.beta.data.before = ({ do: call, at, length }) => {
    if (call === 'write') throw new DiskTrouble('disk', call, 'gone', { operation: call, at, length })
  }
  const written = pair.write('alpha', 3, 1)
  await pair.virtual.pass(10)
  expect(written.answer).toBeNull()
  expect(pair.told('trouble')).toMatchObject([{ operation: 'write', offsets: [3 * blockBytes] }])
  expect(pair.active('alpha').condition).toMatchObject({ pair: 'alone' })
})

test('a side that follows and leaves on purpose is not waited for', async () => {
  const pair = await paired()
  const { side } = pair.servers.beta
  if (side instanceof Standby) side.leave()
  const written = pair.write('alpha', 3, 1)
  await pair.virtual.pass(5)
  expect(written.answer).toBeNull()
  expect(pair.active('alpha').condition).toMatchObject({ pair: 'alone', because: 'the other side leaves' })
})

describe('a copy that is split off', () => {
  test('has durably all that was written before', async () => {
    const pair = new MirrorPair({ mode: 'async' })
    await pair.pairUp()
    const written = pair.write('alpha', 3, 1)
    expect(written.answer, 'asynchronous').toBeNull()
    const settled = pair.active('alpha').settled()
    await pair.virtual.pass(10)
    expect(await settled).toBeNull()
    pair.crash('beta', { keeps: () => false })
    expect(pair.valueOf('beta', 3)).toBe(1)
  })

  test('is refused when the other side is lost meanwhile', async () => {
    const pair = await paired()
    const settled = pair.active('alpha').settled()
    pair.crash('beta')
    await pair.virtual.pass(3000)
    expect(await settled).toMatch(/may lack something; the mirror is alone/)
  })
})

describe('a side that refuses what it is sent, again and again', () => {
  /** Beta's metadata cannot be written until `mend`; counts the resyncs that alpha begins. */
  const refusing = async (call: 'resync-begin' | 'join') => {
    const pair = await paired()
    const begun: number[] = []
    let isBad = true
    pair.crash('beta')
    pair.write('alpha', 7, 1)
    await pair.virtual.pass(3000)
    pair.follow('beta')
    const { metadata } = pair.servers.beta
    pair.filter = (one) => {
      if (one.kind === 'resync-begin') begun.push(pair.virtual.clock.now())
      // From this frame on.
      if (one.kind === call)
        metadata.before = ({ do: what }) => {
          if (isBad && what === 'write') throw new DiskTrouble('/dev/meta', 'write', 'EIO')
        }
      return one
    }
    const connectFor = async (ms: number): Promise<void> => {
      // As the connector does it: at once when a connection is over.
      for (let passed = 0; passed < ms; passed += 10) {
        if (pair.servers.alpha.link === null) pair.connect()
        await pair.virtual.pass(10)
      }
    }
    const mend = (): void => {
      isBad = false
    }
    return { pair, begun, mend, connectFor }
  }

  test.each(['resync-begin', 'join'] as const)('at %s, is tried again after pauses that grow', async (call) => {
    const { pair, begun, mend, connectFor } = await refusing(call)
    const said = pair.log.said.length
    await connectFor(300_000)
    const pauses = begun.slice(1).map((at, index) => Math.round((at - (begun[index] ?? 0)) / 1000))
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
    expect(pair.active('alpha').condition).toMatchObject({
      pair: 'alone',
      because: expect.stringMatching(/refuses: .*EIO; tried again in \d+ s/),
    })
    expect(pair.log.said.slice(said), 'the log is not asked again and again').toEqual([])
    expect(pair.told('resync').filter(({ state }) => state === 'interrupted').length).toBeLessThan(2)
    const copied: number[] = []
    pair.filter = (one) => {
      if (one.isResync) copied.push(one.at / blockBytes)
      return one
    }
    mend()
    await connectFor(61_000)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
    expect([pair.areEqual(), copied.length < 3]).toEqual([true, true])
  })

  test('is tried again at once by an operator’s word', async () => {
    const { pair, begun, mend, connectFor } = await refusing('resync-begin')
    await connectFor(100_000)
    const tried = begun.length
    mend()
    await connectFor(100)
    expect(begun.length).toBe(tried)
    expect(pair.active('alpha').operator.resync(false)).toBeNull()
    await connectFor(100)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
  })
})
