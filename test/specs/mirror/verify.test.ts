/** D13: both copies are compared while they are written to. */
import { describe, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { blockBytes, blocks, MirrorPair, type PairOptions } from './mirror-pair.ts'

const options = { bytesPerSecond: null, mark: true }
const paired = async (more: PairOptions = {}): Promise<MirrorPair> => {
  const pair = new MirrorPair(more)
  await pair.pairUp()
  expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
  return pair
}
/** A byte of beta's copy rots. */
const damage = (pair: MirrorPair, block: number): void =>
  pair.servers.beta.data.damage(block * blockBytes + 17, Uint8Array.of(0xbd))

describe('a mirror that is verified', () => {
  test('and is equal differs nowhere', async () => {
    const pair = await paired()
    expect(pair.active('alpha').operator.verify(options)).toBeNull()
    await pair.virtual.pass(1000)
    expect(pair.told('verify').at(-1)).toMatchObject({
      state: 'ended',
      checkedBytes: blocks * blockBytes,
      totalBytes: blocks * blockBytes,
      differentBytes: 0,
      differences: [],
    })
  })

  test('names the blocks that differ, marks them, and copies nothing before it is told to', async () => {
    const pair = await paired()
    for (const block of [3, 4, 40]) damage(pair, block)
    const travelled: string[] = []
    pair.filter = (one) => {
      if (one.isResync) travelled.push(one.kind)
      return one
    }
    pair.active('alpha').operator.verify(options)
    await pair.virtual.pass(1000)
    expect(pair.told('verify').at(-1)).toMatchObject({
      state: 'ended',
      checkedBytes: blocks * blockBytes,
      differentBytes: 3 * blockBytes,
      differences: [
        { at: 3 * blockBytes, length: 2 * blockBytes },
        { at: 40 * blockBytes, length: blockBytes },
      ],
    })
    expect(travelled).toEqual([])
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired', dirtyBlocks: 3 })
    expect(pair.servers.alpha.open().dirty.marks.count, 'on disk').toBe(3)
    pair.active('alpha').operator.resync(false)
    pair.connect()
    await pair.virtual.pass(1000)
    expect(pair.areEqual()).toBe(true)
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired', dirtyBlocks: 0 })
  })

  test('leaves no marks when only the answer is wanted', async () => {
    const pair = await paired()
    damage(pair, 3)
    pair.active('alpha').operator.verify({ ...options, mark: false })
    await pair.virtual.pass(1000)
    expect(pair.told('verify').at(-1)).toMatchObject({ differentBytes: blockBytes })
    expect(pair.active('alpha').condition).toMatchObject({ dirtyBlocks: 0 })
  })

  test('while it is written to sees no difference where there is none', async () => {
    const pair = await paired()
    for (let round = 0; round < 60; round++) {
      if (round % 5 === 0) pair.active('alpha').operator.verify(options)
      for (let block = 0; block < blocks; block += 3) pair.write('alpha', block, (round * 7 + block) % 251)
      await pair.virtual.pass(1)
    }
    await pair.virtual.pass(1000)
    const ended = pair.told('verify').filter(({ state }) => state === 'ended')
    expect(ended.length).toBeGreaterThan(0)
    expect(pair.told('verify').every(({ differentBytes }) => differentBytes === 0)).toBe(true)
  })

  test('goes no faster than it may, and tells how far it is', async () => {
    const pair = await paired()
    damage(pair, 0)
    const before = pair.virtual.clock.now()
    pair.active('alpha').operator.verify({ ...options, bytesPerSecond: 65_536 })
    await pair.virtual.pass(60_000)
    const ended = pair.told('verify').at(-1)
    // The whole disk, and once more block by block where it differs: 8 s.
    expect(ended).toMatchObject({ state: 'ended', differentBytes: blockBytes })
    expect(ended?.elapsedMs).toBeGreaterThanOrEqual(7_500)
    expect(pair.virtual.clock.now() - before).toBeGreaterThanOrEqual(7_500)
    expect(pair.told('verify').filter(({ state }) => state === 'progress').length).toBeGreaterThanOrEqual(2)
  })

  test('is interrupted when the connection is lost, and says so', async () => {
    const pair = await paired()
    pair.active('alpha').operator.verify({ ...options, bytesPerSecond: 65_536 })
    pair.cut()
    expect(pair.told('verify').at(-1)).toMatchObject({ state: 'interrupted', because: expect.stringMatching(/reset/) })
  })

  test('has to be whole', async () => {
    const pair = await paired()
    pair.crash('beta')
    await pair.virtual.pass(3000)
    expect(pair.active('alpha').operator.verify(options)).toMatch(/only a whole mirror is compared; this one is alone/)
  })

  test.each(['alpha', 'beta'] as const)('counts what the disk of %s cannot read as different', async (name) => {
    const pair = await paired()
    pair.servers[name].data.before = ({ do: call, at, length }) => {
      const bad = 9 * blockBytes
      if (call === 'read' && at <= bad && at + length > bad)
        throw new DiskTrouble('disk', 'read', 'bad sector', { operation: 'read', at, length })
    }
    pair.active('alpha').operator.verify(options)
    await pair.virtual.pass(1000)
    expect(pair.told('verify').at(-1)).toMatchObject({
      state: 'ended',
      differences: [{ at: 9 * blockBytes, length: blockBytes }],
    })
    expect(pair.told('trouble')[0]).toMatchObject({ operation: 'read', offsets: [9 * blockBytes] })
    expect(pair.active('alpha').condition).toMatchObject({ pair: 'paired' })
  })
})
