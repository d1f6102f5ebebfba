/** From the failure of a disk until the log has recorded that the side that serves goes on without it. */
import { describe, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { badBlock, failWrites, paired, read } from './failing-disks.ts'
import { blockBytes, type MirrorPair } from './mirror-pair.ts'

const disks = ['data', 'metadata'] as const
type FailingDisk = (typeof disks)[number]

const contentOf = (pair: MirrorPair, blocks: readonly number[]) =>
  (['alpha', 'beta'] as const).map((name) => blocks.map((block) => pair.valueOf(name, block)))

/** The log does not answer; a write has met the failing disk, and another one came after it. */
const halfDetached = async (disk: FailingDisk): Promise<MirrorPair> => {
  const pair = await paired()
  pair.log.isWritable = false
  failWrites(pair, disk)
  pair.write('alpha', 20, 9)
  await pair.virtual.pass(5)
  pair.write('alpha', 40, 9)
  await pair.virtual.pass(5)
  return pair
}

describe('before the log knows that a disk of the active side has failed', () => {
  test.each(disks)('nothing is sent that is not marked here (%s)', async (disk) => {
    const pair = await halfDetached(disk)
    expect(contentOf(pair, [20, 40])[1]).toEqual([disk === 'data' ? 9 : 0, 0])
  })

  test.each(disks)(
    'what came is done in its order once the log has it, and everybody is answered (%s)',
    async (disk) => {
      const pair = await halfDetached(disk)
      const later = [pair.write('alpha', 40, 10), pair.flush('alpha'), pair.write('alpha', 41, 11, true)]
      const got = read(pair, 40)
      await pair.virtual.pass(500)
      expect([...later, got].map(({ answer }) => answer)).toEqual(['waits', 'waits', 'waits', 'waits'])
      pair.log.isWritable = true
      await pair.virtual.pass(1000)
      expect([...later, got].map(({ answer }) => answer)).toEqual([null, null, null, null])
      expect(got.into[0]).toBe(10)
      expect(contentOf(pair, [20, 40, 41])[1]).toEqual([9, 10, 11])
      expect(pair.active('alpha').condition).toMatchObject({ pair: 'detached' })
    },
  )

  test.each(disks)('a crash of its server leaves nothing that differs unnoticed (%s)', async (disk) => {
    const pair = await halfDetached(disk)
    pair.crash('alpha', { keeps: () => true })
    pair.log.isWritable = true
    expect(pair.activate('beta')).toBeNull()
    pair.follow('alpha')
    pair.connect()
    await pair.virtual.pass(4000)
    expect(pair.active('beta').condition).toMatchObject({ pair: 'paired' })
    expect([...pair.log.current].toSorted()).toEqual(['alpha', 'beta'])
    const [alpha, beta] = contentOf(pair, [5, 20, 40])
    expect(alpha).toEqual(beta)
  })

  test.each(disks)('neither does a lost connection, after which the same side serves again (%s)', async (disk) => {
    const pair = await halfDetached(disk)
    const late = pair.write('alpha', 41, 9)
    pair.cut()
    await pair.virtual.pass(5)
    expect(pair.active('alpha').condition.pair).toBe('stopped')
    expect(late.answer, 'nobody waits for ever').toBe('ESHUTDOWN')
    pair.servers.alpha[disk].before = () => undefined
    pair.log.isWritable = true
    expect(pair.activate('alpha')).toBeNull()
    pair.connect()
    await pair.virtual.pass(4000)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
    const [alpha, beta] = contentOf(pair, [5, 20, 40, 41])
    expect(alpha).toEqual(beta)
  })

  test.each(disks)('it is waited for, however long it takes, and the connection is kept (%s)', async (disk) => {
    const pair = await halfDetached(disk)
    const written = pair.write('alpha', 41, 9)
    // Longer than any answer of the other side is waited for.
    await pair.virtual.pass(30_000)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'holding' })
    expect([written.answer, pair.active('alpha').keepsLink]).toEqual(['waits', true])
    pair.log.isWritable = true
    await pair.virtual.pass(1000)
    expect([written.answer, pair.active('alpha').keepsLink]).toEqual([null, true])
    pair.cut()
    await pair.virtual.pass(2000)
    expect(pair.active('alpha').keepsLink, 'it serves no more').toBe(false)
  })

  test('and the other side does not answer, that is not waited for longer than usual', async () => {
    const pair = await paired()
    failWrites(pair)
    pair.filter = () => null
    pair.write('alpha', 20, 9)
    await pair.virtual.pass(5000)
    expect(pair.active('alpha').condition).toMatchObject({
      pair: 'stopped',
      because: expect.stringMatching(/no answer/),
    })
  })

  test('a flush that nobody asked for is enough, and the log is asked', async () => {
    const pair = await paired()
    failWrites(pair)
    const settled = pair.active('alpha').settled()
    await pair.virtual.pass(100)
    expect(pair.log.said.at(-1)).toBe('detach alpha')
    expect(await settled).toMatch(/the mirror is detached/)
  })
})

/** It serves with beta's disk alone. */
const detached = async (): Promise<MirrorPair> => {
  const pair = await paired()
  failWrites(pair)
  pair.write('alpha', 20, 9)
  await pair.virtual.pass(1000)
  expect(pair.active('alpha').condition).toMatchObject({ pair: 'detached' })
  return pair
}

describe('a connection that is lost once the disk of the other side alone is used', () => {
  test('is replaced by another one, and what was under way is done in its order', async () => {
    const pair = await detached()
    // It is done there, and nobody here hears of it.
    pair.filter = (one) => (one.kind === 'ack' || one.kind === 'read-data' ? null : one)
    const before = [pair.write('alpha', 30, 1), pair.write('alpha', 30, 2), pair.flush('alpha'), read(pair, 20)]
    await pair.virtual.pass(50)
    expect(pair.valueOf('beta', 30)).toBe(2)
    pair.cut()
    pair.filter = (one) => one
    const meanwhile = [pair.write('alpha', 30, 3), pair.write('alpha', 31, 4, true)]
    const got = read(pair, 30)
    await pair.virtual.pass(100)
    expect([...before, ...meanwhile, got].map(({ answer }) => answer)).toEqual(Array(7).fill('waits'))
    pair.connect()
    // The sides have not said who they are, and it is written already.
    const after = pair.write('alpha', 31, 5)
    await pair.virtual.pass(500)
    expect([...before, ...meanwhile, got, after].map(({ answer }) => answer)).toEqual(Array(8).fill(null))
    expect([got.into[0], contentOf(pair, [20, 30, 31])[1]]).toEqual([3, [9, 3, 5]])
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'detached' })
    await pair.virtual.pass(5000)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'detached' })
  })

  test('ends the service when no other one comes in time', async () => {
    const pair = await detached()
    pair.cut()
    const written = pair.write('alpha', 30, 1)
    const got = read(pair, 30)
    await pair.virtual.pass(2000)
    expect([written.answer, got.answer]).toEqual(['EIO', 'EIO'])
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'stopped' })
  })

  test.each([
    ['its process', 'kept' as const],
    ['its server', { keeps: () => false }],
  ])('ends the service when the other side was started anew meanwhile (%s)', async (_what, power) => {
    const pair = await detached()
    pair.crash('beta', power)
    const written = pair.write('alpha', 30, 1)
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(500)
    expect(written.answer).toBe('EIO')
    expect(pair.active('alpha').condition).toMatchObject({
      pair: 'stopped',
      because: expect.stringMatching(/started anew/),
    })
  })
})

test('a read that the other side has answered is answered, though nothing can be marked here any more', async () => {
  const pair = await paired()
  badBlock(pair, 'alpha', 30)
  pair.servers.alpha.metadata.before = ({ do: call, at, length }) => {
    if (call !== 'read') throw new DiskTrouble('disk', call, 'EIO', { operation: call, at, length })
  }
  const got = read(pair, 30)
  await pair.virtual.pass(1000)
  expect([got.answer, got.into.length]).toEqual([null, blockBytes])
  expect(pair.active('alpha').condition).toMatchObject({ pair: 'detached' })
})
