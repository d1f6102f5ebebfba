/** Why a mirror may not be mounted yet, in the words that its group fails with. */
import { expect, test } from 'vitest'
import { servingHindrance } from '../../../src/agents/mirror/hindrance.ts'
import { epochOf, mirrorName, sequence } from '../../../src/events/index.ts'
import { fact } from '../../recorded-log.ts'
import { s1 } from '../decisions/demo.ts'
import { g1, mirror, paired } from '../decisions/mirror-demo.ts'
import { stateOf } from '../spec.ts'
import { planeOf } from './plane-status.ts'

const mebi = 1_048_576

test('one that has yet to grow says how far it is, or why it cannot', () => {
  const broken = fact('MirrorBroken', { mirror, current: 's1', stale: 's2', generation: g1, epoch: 7, because: '' })
  const resized = fact('MirrorResized', { mirror, server: 's1', ordered: 11, fromBytes: mebi, dataBytes: 2 * mebi })
  const because = (growth: object | null) =>
    servingHindrance(stateOf([...paired, resized, broken]), {
      ...{ name: mirrorName('web', 'data'), me: s1, epoch: epochOf(sequence(8)), isShown: true, boot: 's1-boot-1' },
      status: planeOf({ does: 'nothing', dataBytes: mebi, growth }),
    })?.because
  const growing = { doneBytes: mebi / 2, totalBytes: mebi, because: null }
  expect(because(null)).toBe('it is not served yet')
  expect(because(growing)).toMatch(/^it takes in what was added: 512.* of 1\.0 MiB$/)
  expect(because({ ...growing, because: 'EIO' })).toBe('it cannot grow to 2.0 MiB: EIO')
})
