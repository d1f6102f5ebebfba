/** Both partitions of both sides are larger: the mirror takes that in while it is used, and through any crash. */
import { describe, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { Growth } from '../../../src/mirror/engine/growth.ts'
import { Growing } from '../../../src/mirror/process/growing.ts'
import type { HeldDisks } from '../../../src/mirror/process/held-disks.ts'
import { blockBytes, blocks, MirrorPair, type Name, other } from './mirror-pair.ts'

const more = 40
const grownBytes = (blocks + more) * blockBytes
const isPaired = (pair: MirrorPair, name: Name = 'alpha') => pair.active(name).condition.pair === 'paired'

/** What is on the new ends differs: nothing of it is ever to be seen. */
const enlarged = (pair: MirrorPair): void => {
  for (const [name, filler] of [
    ['alpha', 0xaa],
    ['beta', 0xbb],
  ] as const) {
    const { data, metadata, partition } = pair.servers[name]
    data.enlarge(grownBytes, filler)
    metadata.enlarge(partition?.bytesToGrow(grownBytes) ?? 0, filler)
  }
}

const larger = async (): Promise<MirrorPair> => {
  const pair = new MirrorPair()
  await pair.pairUp()
  enlarged(pair)
  return pair
}

/** Resolves with why not; null = grown. */
const grow = async (pair: MirrorPair, name: Name): Promise<string | null | 'waits'> => {
  const { data, partition, touches } = pair.servers[name]
  if (partition === null) throw new Error(`${name} has no partition`)
  let outcome: string | null | 'waits' = 'waits'
  const ended = (because: string | null) => {
    outcome = because
    if (because === null) touches.grow(grownBytes)
  }
  new Growth({ clock: pair.virtual.clock, data, partition, dataBytes: grownBytes, ended })
  await pair.virtual.pass(20)
  return outcome
}

describe('a mirror that grows', () => {
  test('first on the side that follows is whole all the time, and equal to its new end', async () => {
    const pair = await larger()
    expect(pair.write('alpha', blocks - 1, 7).answer).toBe('waits')
    expect(await grow(pair, 'beta')).toBeNull()
    expect(pair.active('alpha').size).toBe(blocks * blockBytes)
    expect(await grow(pair, 'alpha')).toBeNull()
    expect(pair.active('alpha').size).toBe(grownBytes)
    expect(isPaired(pair)).toBe(true)
    expect(pair.areEqual()).toBe(true)
    expect([pair.valueOf('alpha', blocks - 1), pair.valueOf('alpha', blocks)]).toEqual([7, 0])

    const written = pair.write('alpha', blocks + more - 1, 9, true)
    await pair.virtual.pass(20)
    expect(written.answer).toBeNull()
    expect(pair.valueOf('beta', blocks + more - 1)).toBe(9)
    expect(pair.active('alpha').operator.verify({ bytesPerSecond: null, mark: false })).toBeNull()
    await pair.virtual.pass(200)
    expect(pair.told('verify').at(-1)).toMatchObject({ state: 'ended', checkedBytes: grownBytes, differentBytes: 0 })
  })

  test('stays whole through a lost connection while only the side that follows has grown', async () => {
    const pair = await larger()
    await grow(pair, 'beta')
    pair.connect()
    await pair.virtual.pass(200)
    expect(isPaired(pair)).toBe(true)
    await grow(pair, 'alpha')
    expect([isPaired(pair), pair.areEqual()]).toEqual([true, true])
  })

  test('on the side that serves alone does not take the other one for whole before it has grown', async () => {
    const pair = await larger()
    pair.crash('beta')
    await pair.virtual.pass(2000)
    expect(await grow(pair, 'alpha')).toBeNull()
    pair.write('alpha', blocks + 3, 5)
    await pair.virtual.pass(20)
    pair.follow('beta')
    pair.connect()
    await pair.virtual.pass(200)
    expect(pair.active('alpha').condition).toMatchObject({
      pair: 'alone',
      because: expect.stringMatching(/it mirrors/),
    })

    expect(await grow(pair, 'beta')).toBeNull()
    pair.connect()
    await pair.virtual.pass(500)
    expect(isPaired(pair)).toBe(true)
    expect(pair.valueOf('beta', blocks + 3)).toBe(5)
    expect(pair.areEqual()).toBe(true)
  })

  test('never has anything written beyond the end of a side that has not grown', async () => {
    const pair = await larger()
    await grow(pair, 'alpha')
    pair.write('alpha', blocks + 1, 5)
    await pair.virtual.pass(50)
    expect(pair.valueOf('beta', blocks + 1)).toBe(0xbb)
    expect(isPaired(pair)).toBe(false)
  })

  test('is copied whole when that is ordered afterwards', async () => {
    const pair = await larger()
    await grow(pair, 'beta')
    await grow(pair, 'alpha')
    pair.servers.beta.data.write(blocks * blockBytes, new Uint8Array(blockBytes).fill(3))
    expect(pair.areEqual()).toBe(false)
    expect(pair.active('alpha').operator.resync(true)).toBeNull()
    await pair.virtual.pass(2000)
    pair.connect()
    await pair.virtual.pass(500)
    expect(pair.told('resync').at(-1)).toMatchObject({ state: 'ended', totalBytes: grownBytes })
    expect([isPaired(pair), pair.areEqual()]).toEqual([true, true])
  })

  test('copies what was marked on the larger side only as far as there is something here', async () => {
    const pair = await larger()
    await grow(pair, 'beta')
    pair.servers.beta.partition?.intent.mark([Math.floor((blocks + 8) / 4)])
    pair.connect()
    await pair.virtual.pass(5000)
    expect(isPaired(pair)).toBe(true)
    await grow(pair, 'alpha')
    expect(pair.areEqual()).toBe(true)
  })

  test('on a disk that fails says so, and goes on as it was', async () => {
    const pair = await larger()
    pair.servers.beta.data.before = (call) => {
      if (call.do === 'write' && call.at >= blocks * blockBytes) throw new DiskTrouble('disk', 'write', 'EIO')
    }
    expect(await grow(pair, 'beta')).toBe('disk: write: EIO')
    pair.servers.beta.data.before = () => undefined
    expect(pair.servers.beta.partition?.geometry.dataBytes).toBe(blocks * blockBytes)
    expect(isPaired(pair)).toBe(true)
  })

  test('and whose power is cut at any write settles on the new size, and is equal', async () => {
    let cuts = 0
    for (const name of ['beta', 'alpha'] as const)
      for (const path of ['data', 'metadata'] as const)
        for (let calls = 0; calls < 12; calls++) {
          const pair = await larger()
          if (name === 'alpha') await grow(pair, 'beta')
          pair.write('alpha', 3, 3, true)
          await pair.virtual.pass(20)
          let left = calls
          let isCut = false
          pair.servers[name][path].before = (call) => {
            if (call.do !== 'read' && left-- === 0) isCut = true
            if (isCut) throw new PowerCut()
          }
          await grow(pair, name).catch((error: unknown) => expect(error).toBeInstanceOf(PowerCut))
          if (isCut) cuts += 1
          let sector = 0
          pair.crash(name, { keeps: () => sector++ % 2 === 0 })
          await pair.virtual.pass(2000)

          const survivor = other(name)
          const { side } = pair.servers[survivor]
          if (survivor === 'beta') expect(pair.activate('beta')).toBeNull()
          else expect(side).not.toBeNull()
          pair.follow(name)
          for (const one of ['alpha', 'beta'] as const) expect(await grow(pair, one)).toBeNull()
          pair.connect()
          await pair.virtual.pass(5000)
          const last = pair.write(survivor, blocks + more - 1, 9, true)
          await pair.virtual.pass(500)
          expect([last.answer, isPaired(pair, survivor), pair.areEqual()], `${name} ${path} ${calls}`).toEqual([
            ...[null, true, true],
          ])
          expect(pair.valueOf(name, 3)).toBe(3)
        }
    // Each write and flush of both partitions, on both sides.
    expect(cuts).toBeGreaterThanOrEqual(20)
  })
})

class PowerCut extends Error {}

test('a growth that has failed is tried again after a pause, or at once when it is ordered anew', async () => {
  const pair = await larger()
  const { data, partition } = pair.servers.beta
  const disks = { data, partition, objection: null, measure: () => ({}) } as unknown as HeldDisks // cast: nothing else is asked for
  const growing = new Growing({ clock: pair.virtual.clock, grown: () => {}, doubtful: () => {} })
  const tooMuch = grownBytes + blockBytes
  expect(growing.to(disks, tooMuch)).toMatch(/are to be mirrored/)
  expect([growing.to(disks, tooMuch), growing.status?.because]).toEqual([null, expect.stringMatching(/to be mirrored/)])
  growing.measure(disks)
  expect(growing.status).toBeNull()
  expect(growing.to(disks, grownBytes)).toBeNull()
  await pair.virtual.pass(20)
  expect(partition?.geometry.dataBytes).toBe(grownBytes)
})
