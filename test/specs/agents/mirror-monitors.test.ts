/** M7: what mdw and mdnw make of what a data plane says. */
import { describe, expect, test } from 'vitest'
import { connectSight, type MirrorSeen, mdwDriver, mirrorSight } from '../../../src/agents/monitors/mirror.ts'
import { groupName, resourceName } from '../../../src/events/index.ts'

const whole: MirrorSeen = {
  disks: { dataBytes: 1 },
  because: null,
  does: 'serve',
  isConsistent: true,
  isExposed: false,
  isParted: false,
  path: 0,
  deafAt: [],
  condition: { pair: 'paired', because: 'both sides have everything', dirtyBlocks: 0 },
  resync: null,
  diskErrors: 0,
}
const { condition: _, ...following } = { ...whole, does: 'follow' as const }
const pair = (state: 'holding' | 'alone' | 'resyncing' | 'stopped'): MirrorSeen => ({
  ...whole,
  condition: { pair: state, because: 'for a reason', dirtyBlocks: 3 },
})

describe('a mirror disk', () => {
  test.each<[string, MirrorSeen, string, RegExp]>([
    ['that is whole', whole, 'normal', /everything/],
    ['whose active side is alone', pair('alone'), 'error', /alone: for a reason/],
    ['whose active side has stopped', pair('stopped'), 'error', /stopped: for a reason/],
    ['whose active side waits', pair('holding'), 'warning', /holding: for a reason/],
    [
      'that is resynchronised',
      { ...pair('resyncing'), resync: { doneBytes: 1, totalBytes: 3, elapsedMs: 9 } },
      'warning',
      /33 %/,
    ],
    ['that follows', following, 'normal', /everything/],
    ['that follows, and is not connected', { ...following, path: null }, 'error', /not connected/],
    ['that follows, and lacks something', { ...following, isConsistent: false }, 'warning', /brought up/],
    ['whose disk failed at something', { ...whole, diskErrors: 2 }, 'warning', /failed 2 times/],
    ['whose partitions cannot be opened', { ...whole, disks: null, because: 'gone' }, 'error', /gone/],
    ['that is split off', { ...following, does: 'nothing', isExposed: true, path: null }, 'normal', /split off/],
  ])('%s', (_name, seen, verdict, because) => {
    expect(mirrorSight(seen)).toMatchObject({ verdict, because: expect.stringMatching(because) })
  })
})

describe('a mirror connect', () => {
  test.each<[string, MirrorSeen, string]>([
    ['in use, the first one', whole, 'normal'],
    ['in use, another one', { ...whole, path: 1 }, 'warning'],
    ['that is lost', { ...whole, path: null }, 'error'],
    ['at whose own address it cannot listen', { ...whole, deafAt: [{ path: 1, because: 'in use' }] }, 'warning'],
    ['that nobody needs', { ...following, does: 'nothing', path: null }, 'normal'],
    ['that was parted on purpose', { ...whole, path: null, isParted: true }, 'normal'],
  ])('%s', (_name, seen, verdict) => {
    expect(connectSight(seen)).toMatchObject({ verdict })
  })
})

test('a data plane that does not answer is an error; a server without a copy has nothing to watch', async () => {
  const context = (answer: null | 'none') =>
    mdwDriver(() => answer).look(
      { target: { group: groupName('db'), resource: resourceName('data') } } as never,
      new AbortController().signal,
    )
  expect(await context(null)).toMatchObject({ verdict: 'error' })
  expect(await context('none')).toMatchObject({ verdict: 'normal' })
})
