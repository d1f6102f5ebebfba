/** What the process of a mirror does to its own partitions before it serves or follows. */
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import { mayActivate } from '../../../src/mirror/engine/activation.ts'
import { type Ground, realGround } from '../../../src/mirror/process/ground.ts'
import { HeldDisks } from '../../../src/mirror/process/held-disks.ts'
import { mirrorSettings } from '../../../src/mirror/process/settings.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

const mebibyte = 1_048_576
const id = 'a'.repeat(32)
let ids = 0
const world = { random: { id: () => Buffer.alloc(16, ++ids).toString('base64url'), fraction: () => 0 } }

const held = (mirror = id, folder = made(), ground: Pick<Ground, 'openDisk'> = realGround) => {
  const settings = mirrorSettings.parse({
    mirror,
    server: 's1',
    peer: 's2',
    data: join(folder, 'data'),
    metadata: join(folder, 'metadata'),
    direct: false,
    exclusive: false,
    keyFile: '/none',
    nbd: '/none',
    control: '/none',
    connects: [{ own: { address: '10.0.0.1', port: 1 }, peer: { address: '10.0.0.2', port: 1 } }],
  })
  return { disks: new HeldDisks(ground, settings), folder }
}

const made = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'baton-held-'))
  folders.push(folder)
  for (const file of ['data', 'metadata']) {
    writeFileSync(join(folder, file), '')
    truncateSync(join(folder, file), 8 * mebibyte)
  }
  return folder
}

const geometry = { dataBytes: 8 * mebibyte, blockBytes: 65_536, regionBytes: mebibyte }
const first = '1'.repeat(16)
const second = '2'.repeat(16)

test('an empty cluster partition is said to be unusable, and is of use once it was formatted', () => {
  const { disks } = held()
  expect(disks.partition).toBeNull()
  expect(disks.objection).toContain('neither copy of the state can be read')
  expect(disks.format(world, { ...geometry, generation: first })).toBeNull()
  expect(disks.partition?.state).toMatchObject({ isConsistent: true, generations: { current: first } })
  expect(disks.format(world, { ...geometry, generation: null })).toBeNull()
  expect(disks.partition?.state).toMatchObject({ isConsistent: false, generations: { current: null } })
})

test('the partition of another mirror is shown, and not used', () => {
  const { disks, folder } = held()
  disks.format(world, { ...geometry, generation: first })
  disks.close()
  const { disks: others } = held('b'.repeat(32), folder)
  expect(others.found?.geometry.mirror).toBe(id)
  expect(others.partition).toBeNull()
  expect(others.objection).toContain(`belongs to mirror ${id}`)
})

test('a mirror larger than the data partition is refused', () => {
  const { disks } = held()
  expect(disks.format(world, { ...geometry, dataBytes: 9 * mebibyte, generation: null })).toContain('not 9437184')
})

test('a copy from the past becomes an ancestor with marks, that has been saved more often than was ever seen', () => {
  const { disks, folder } = held()
  disks.format(world, { ...geometry, generation: first })
  const runs = [{ at: mebibyte - 1, length: 2 }]
  expect(disks.void({ generation: second, epoch: 9, saves: 100, runs })).toBeNull()
  disks.close()
  const { disks: again } = held(id, folder)
  const partition = again.partition
  expect(partition?.state).toMatchObject({
    isConsistent: false,
    epoch: 9,
    generations: { current: second, base: null },
  })
  expect([...(partition?.dirty.marks.indexes() ?? [])]).toEqual([15, 16])
  expect(partition?.saves).toBeGreaterThan(100)
})

test('a copy that was active and is made void is not served', () => {
  const { disks } = held()
  disks.format(world, { ...geometry, generation: first })
  disks.partition?.save({ ...disks.partition.state, role: 'active' })
  disks.void({ generation: first, epoch: 1, saves: 0, runs: [] })
  const state = disks.partition?.state
  // It was made void because the other side serves (`mustVoid`): it was not the last.
  const word = { isCurrent: true, wasLast: false, generation: null }
  expect(state && mayActivate(state, state.boot, word)).toMatchObject({ may: false })
})

test('a cluster partition that cannot be read for once is opened when it can be', () => {
  let isFailing = true
  const inUse = new Set<string>()
  // As the kernel does it for block devices that are opened exclusively.
  const openDisk: Ground['openDisk'] = (path, options) => {
    if (inUse.has(path)) throw new DiskTrouble(path, 'open', 'EBUSY: resource busy or locked')
    inUse.add(path)
    const { size, blockBytes, measure, read, write, transfer, flush, trim, zero, close } = realGround.openDisk(
      path,
      options,
    )
    return {
      ...{ size, blockBytes, measure, write, transfer, flush, trim, zero },
      read: (at, into) => {
        if (isFailing) throw new DiskTrouble(path, 'read', 'EIO: i/o error')
        read(at, into)
      },
      close: () => {
        inUse.delete(path)
        close()
      },
    }
  }
  const folder = made()
  expect(() => held(id, folder, { openDisk })).toThrow('EIO')
  isFailing = false
  held(id, folder, { openDisk }).disks.close()
  expect(inUse.size).toBe(0)
})
