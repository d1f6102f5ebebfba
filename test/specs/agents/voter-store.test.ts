import { describe, expect, test } from 'vitest'
import { openVoterStore, VoterStoreDamaged, VoterStoreForgotten } from '../../../src/agents/voter/voter-store.ts'
import { type Epoch, type Generation, groupName, hash, incarnation, sequence } from '../../../src/events/index.ts'
import { VirtualWorld } from '../virtual-world.ts'

const path = '/state/voter.json'
const web = groupName('web')
const support = { s1: { generation: 5 as Generation, reason: 'silent' as const } }

describe('what a voter must not forget', () => {
  test('is there when it is opened again, with a later incarnation', async () => {
    const { world } = new VirtualWorld()
    const first = await openVoterStore(world, path)
    await first.addSupports(support)
    await first.renounce(7 as Generation)
    await first.stopEpoch(web, 12 as Epoch)
    await first.noteFinalAction({ order: sequence(30), failed: 'code 1' })
    await first.see({ sequence: sequence(40), hash: hash('h') })
    const again = await openVoterStore(world, path)
    expect(again.store).toBe(first.store)
    expect(again.incarnation).toBe(first.incarnation + 1)
    expect(again.supports()).toEqual(support)
    expect(again.renounced()).toBe(7)
    expect(again.stoppedEpoch('web')).toBe(12)
    expect(again.finalAction()).toEqual({ order: 30, failed: 'code 1' })
    expect(again.seen().sequence).toBe(40)
  })
  test('is on disk when the promise resolves, and not acted upon when it could not be written', async () => {
    const virtual = new VirtualWorld()
    const store = await openVoterStore(virtual.world, path)
    virtual.diskTrouble = 'ENOSPC'
    await expect(store.addSupports(support)).rejects.toThrow('ENOSPC')
    expect(virtual.disk.get(path)).not.toContain('silent')
    virtual.diskTrouble = null
    await store.renounce(3 as Generation)
    expect(virtual.disk.get(path)).toContain('silent')
  })
  test('only grows: an older renunciation or an older mark changes nothing', async () => {
    const store = await openVoterStore(new VirtualWorld().world, path)
    await store.renounce(7 as Generation)
    await store.renounce(3 as Generation)
    await store.see({ sequence: sequence(9), hash: hash('h') })
    await store.see({ sequence: sequence(4), hash: hash('g') })
    expect(store.renounced()).toBe(7)
    expect(store.seen().sequence).toBe(9)
  })
  test('is forgotten as far as it was promised about a history that was given up, and nothing is promised about that any more', async () => {
    const { world } = new VirtualWorld()
    const store = await openVoterStore(world, path)
    await store.addSupports(support)
    await store.renounce(7 as Generation)
    await store.noteFinalAction({ order: sequence(7), failed: null })
    await store.forgetAfter({ sequence: sequence(6), hash: hash('h') })
    await expect(store.renounce(8 as Generation)).rejects.toThrow(VoterStoreForgotten)
    const again = await openVoterStore(world, path)
    expect(again.supports()).toEqual(support)
    expect(again.renounced()).toBe(0)
    expect(again.finalAction()).toBeNull()
  })
  test('the incarnation is on disk before it is used', async () => {
    const virtual = new VirtualWorld()
    virtual.diskTrouble = 'EROFS'
    await expect(openVoterStore(virtual.world, path)).rejects.toThrow('EROFS')
  })
})

describe('a store that is put back from a backup', () => {
  const backedUpAndRestored = async () => {
    const virtual = new VirtualWorld()
    await openVoterStore(virtual.world, path)
    const backup = virtual.disk.get(path) ?? ''
    const last = await openVoterStore(virtual.world, path)
    await virtual.pass(60_000)
    virtual.disk.set(path, backup)
    return { virtual, last, restored: await openVoterStore(virtual.world, path) }
  }

  test('begins later than any life after the backup: nothing that was said to those is taken for its own', async () => {
    const { last, restored } = await backedUpAndRestored()
    expect(restored.store).toBe(last.store)
    expect(restored.incarnation).toBeGreaterThan(last.incarnation)
  })
  test('becomes another store once somebody tells of a life after the backup, and stays that', async () => {
    const { virtual, last, restored } = await backedUpAndRestored()
    expect(restored.lived(last.incarnation)).toBe(true)
    expect(restored.store).not.toBe(last.store)
    expect(restored.lived(last.incarnation)).toBe(false)
    await virtual.settle()
    const again = await openVoterStore(virtual.world, path)
    expect(again.store).toBe(restored.store)
    expect(again.lived(last.incarnation)).toBe(false)
  })
  test('is not suspected for lives that it knows of, its own among them', async () => {
    const { virtual, last } = await backedUpAndRestored()
    virtual.disk.clear()
    const first = await openVoterStore(virtual.world, path)
    const second = await openVoterStore(virtual.world, path)
    for (const life of [last.incarnation, first.incarnation, second.incarnation]) expect(second.lived(life)).toBe(false)
    expect(second.store).toBe(first.store)
  })
})

test('a new store has another id, and begins its incarnations later than the one it replaces', async () => {
  const virtual = new VirtualWorld()
  const old = await openVoterStore(virtual.world, path)
  virtual.disk.clear()
  await virtual.pass(5000)
  const fresh = await openVoterStore(virtual.world, path)
  expect(fresh.store).not.toBe(old.store)
  expect(fresh.incarnation).toBeGreaterThan(old.incarnation)
})

test('a new store whose clock is behind lives past what others know of; one that has been admitted does not', async () => {
  const virtual = new VirtualWorld()
  const fresh = await openVoterStore(virtual.world, path)
  const known = incarnation(fresh.incarnation + 100_000)
  expect(fresh.outlive(fresh.incarnation)).toBeNull()
  const outlived = fresh.outlive(known)
  expect(fresh.outlive(known)).toBeNull()
  expect(await outlived).toBeGreaterThan(known)
  expect(fresh.incarnation).toBe(await outlived)
  const next = await openVoterStore(virtual.world, path)
  expect(next.incarnation).toBeGreaterThan(fresh.incarnation)
  await next.promise({ ms: 1000, isComplete: true })
  expect(next.outlive(incarnation(next.incarnation + 1))).toBeNull()
})

test.each(['', '{', '{"store":"x"}', 'null', '{"store":"a-store-id","incarnation":-1}'])(
  'a damaged file (%s) is refused, with what to do',
  async (content) => {
    const virtual = new VirtualWorld()
    virtual.disk.set(path, content)
    await expect(openVoterStore(virtual.world, path)).rejects.toThrow(VoterStoreDamaged)
    await expect(openVoterStore(virtual.world, path)).rejects.toThrow('remove the file and re-admit this voter')
    expect(virtual.disk.get(path)).toBe(content)
  },
)
