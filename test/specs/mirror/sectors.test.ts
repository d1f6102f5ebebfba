/** Disks whose sectors differ: what one can write the other cannot. */
import { expect, test } from 'vitest'
import { DiskTrouble } from '../../../src/mirror/disk.ts'
import type { BlockError } from '../../../src/mirror/engine-interface.ts'
import { blockBytes, MirrorPair, type Name } from './mirror-pair.ts'

const largeSectors = (pair: MirrorPair, name: Name): void => {
  Object.assign(pair.servers[name].data, { blockBytes: 4096 })
}

test.each(['alpha', 'beta'] as const)(
  'are no mirror, and it is said why, whichever is the larger (%s)',
  async (name) => {
    const pair = new MirrorPair()
    largeSectors(pair, name)
    pair.follow('beta')
    pair.activate('alpha')
    pair.connect()
    await pair.virtual.pass(60_000)
    const { condition } = pair.active('alpha')
    expect(condition.pair).toBe('alone')
    expect(condition.because).toMatch(/its disk has sectors of (512|4096) bytes, the one here of (512|4096).*getss/)
    // It does not begin again and again.
    expect(pair.log.said.filter((one) => one.startsWith('break')).length).toBeLessThanOrEqual(1)
  },
)

test('a read that the other disk cannot do is answered, and so are those behind it', async () => {
  const pair = new MirrorPair()
  await pair.pairUp()
  // Only now: they have met, and one goes on without its own disk.
  largeSectors(pair, 'beta')
  pair.servers.alpha.data.before = ({ do: call, at, length }) => {
    if (call !== 'read') throw new DiskTrouble('disk', call, 'EIO', { operation: call, at, length })
  }
  pair.write('alpha', 8, 7)
  await pair.virtual.pass(2000)
  expect(pair.active('alpha').condition.pair).toBe('detached')
  const answers: (BlockError | null)[] = []
  for (const [at, length] of [
    [512, 512],
    [8 * blockBytes, blockBytes],
  ] as const)
    pair.active('alpha').submit([{ do: 'read', at, into: new Uint8Array(length), settle: (one) => answers.push(one) }])
  await pair.virtual.pass(1000)
  expect(answers).toEqual(['EIO', null])
})
