import { expect, test } from 'vitest'
import { supportWriter } from '../../../src/agents/voter/support-writer.ts'
import { openVoterStore } from '../../../src/agents/voter/voter-store.ts'
import type { Liveness } from '../../../src/decisions/liveness.ts'
import type { Generation } from '../../../src/events/index.ts'
import { VirtualWorld } from '../virtual-world.ts'

const path = '/state/voter.json'
const support = { s1: { generation: 5 as Generation, reason: 'silent' as const } }

test('a support that the disk refused is on disk before it is said, once the disk takes it', async () => {
  const virtual = new VirtualWorld()
  const store = await openVoterStore(virtual.world, path)
  let unsaid: Liveness['supports'] = support
  const failures: string[] = []
  const write = supportWriter(virtual.world, {
    store,
    unsaid: () => unsaid,
    written: (supports) => {
      expect(virtual.disk.get(path)).toContain('silent')
      expect(supports).toEqual(support)
      unsaid = {}
    },
    failed: (what) => failures.push(what),
  })
  virtual.diskTrouble = 'ENOSPC'
  write()
  await virtual.pass(2500)
  expect(failures).toHaveLength(3)
  expect(unsaid).toEqual(support)
  virtual.diskTrouble = null
  await virtual.pass(1000)
  expect(unsaid).toEqual({})
  await virtual.pass(5000)
  expect(failures).toHaveLength(3)
})
