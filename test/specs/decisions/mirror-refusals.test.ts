/** Orders to a mirror that cannot be carried out now: each refusal says why, and what would make it possible. */
import { describe, test } from 'vitest'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import { assigned, knows, left, s1, s2, s3 } from './demo.ts'
import {
  alone,
  asking,
  broken,
  constructed,
  g0,
  g1,
  mirror,
  mirrored,
  of,
  paired,
  sideSeen,
  stop,
} from './mirror-demo.ts'

const split = fact('MirrorSplit', { mirror, server: 's2', generation: g0, epoch: 8 })
const stopped = [...paired, ...stop]
const [resync, full, verify] = [
  of('resync-mirror', { full: false }),
  of('resync-mirror', { full: true }),
  of('verify-mirror'),
]
const replace = (server: string) => of('replace-mirror-disk', { server })
const force = (server: string) => of('force-mirror', { server })
const init = (from: string) => of('init-mirror', { from, initial: null })

type Order = ReturnType<typeof of>
type Case = readonly [what: string, order: Order, given: readonly Given[], because: RegExp, possible: RegExp]
const oneOf = /^one of: s1, s2$/
const start = /^baton group start web$/

describe('is refused:', () => {
  test.each<Case>([
    [
      'a resync while a copy is split off',
      resync,
      [...alone, split],
      /^s2 is split off for a backup$/,
      /rejoin web.data$/,
    ],
    [
      'a replaced disk of the copy that is split off',
      replace('s2'),
      [...alone, split],
      /^s2 is split off for a backup$/,
      /rejoin web.data$/,
    ],
    ['a resync of all of it while its group is stopped', full, stopped, /^web does not run anywhere/, start],
    ['a comparison while its group is stopped', verify, stopped, /^web does not run anywhere/, start],
    ['a split while its group is stopped', of('split-mirror'), stopped, /^web does not run anywhere/, start],
    ['a resize while its group is stopped', of('resize-mirror'), stopped, /^web does not run anywhere/, start],
    ['a break while its group is stopped', of('break-mirror'), stopped, /^web does not run anywhere/, start],
    [
      'a comparison with a server that is down',
      verify,
      [...paired, left('s2', 3)],
      /^s2, which has .* is not there$/,
      /^start s2$/,
    ],
    [
      'a split from a server that is down',
      of('split-mirror'),
      [...paired, left('s2', 3)],
      /^s2, which has /,
      /^start s2$/,
    ],
    [
      'a resync to a server that is down',
      full,
      [...paired, left('s2', 3)],
      /^s2, which is to be brought up/,
      /^start s2$/,
    ],
    [
      'a replaced disk of the only good copy',
      replace('s1'),
      [...alone, ...stop],
      /^the disk of s1 is the only one/,
      /force web.data s2/,
    ],
    [
      'a replaced disk while what the other copy acknowledged may be lost',
      replace('s1'),
      [...stopped, sideSeen('s2', { role: 'standby', isSameBoot: false, epoch: 8 })],
      /^s2 cannot be what s1 is brought up from: .*restarted while it followed s1 .*may be lost$/,
      /^baton group start web --on s1, .*; if .*, baton server stop s1, then baton mirror force web.data s2, which/,
    ],
    [
      'a replaced disk while the other copy is not believed',
      replace('s1'),
      [...stopped, sideSeen('s1', { generation: 'd'.repeat(16) }), sideSeen('s2', { generation: 'e'.repeat(16) })],
      /^s2 cannot be what s1 is brought up from: its copy .* is not believed/,
      /^baton mirror force web.data s2, /,
    ],
    [
      'a first copy from the server that does not run the group',
      init('s1'),
      [...mirrored(), assigned('web', 's2')],
      /^web is on s2: its data/,
      /init web.data --from s2$/,
    ],
    ['a second first copy', init('s1'), [...mirrored(), constructed()], /was initialised before/, /--full/],
    ['a first copy from a server that has none', init('s3'), mirrored(), /^there is no server of web.data s3$/, oneOf],
    [
      'a forced copy of a server that has none',
      force('s3'),
      [...alone, ...stop],
      /^there is no server of web.data s3$/,
      oneOf,
    ],
    ['a replaced disk of a server that has none', replace('s3'), alone, /^there is no server of web.data s3$/, oneOf],
    [
      'a resync before the first copy',
      resync,
      mirrored(),
      /^web.data was never initialised$/,
      /^baton mirror init web.data/,
    ],
    [
      'a rejoined copy before the first copy',
      of('rejoin-mirror'),
      mirrored(),
      /was never initialised$/,
      /init web.data/,
    ],
  ])('%s', (_, order, given, because, possible) => {
    spec
      .given(...given)
      .when(asking(order))
      .thenRefused(because, possible)
  })

  const notHeard = (server: string) =>
    [new RegExp(`^${server} is not heard$`), new RegExp(`until ${server} is back`)] as const
  const [onlyS1, onlyS2] = [knows(s1, { hears: [s3] }), knows(s2, { hears: [s3] })]
  test.each([
    ['a comparison', verify, paired, onlyS2, 's1'],
    ['a split', of('split-mirror'), paired, onlyS2, 's1'],
    ['a resync', resync, alone, onlyS2, 's1'],
    ['a break', of('break-mirror'), paired, onlyS2, 's1'],
    ['a resize', of('resize-mirror'), paired, onlyS1, 's2'],
    ['a replaced disk', replace('s2'), alone, onlyS1, 's2'],
  ] as const)('%s while the server that has to do its part is not heard', (_, order, given, facts, server) => {
    spec
      .given(...given)
      .when(asking(order, facts))
      .thenRefused(...notHeard(server))
  })
})

describe('is so already:', () => {
  test.each([
    [
      'a break of what is broken, and does not connect',
      of('break-mirror'),
      [...paired, fact('MirrorOrdered', { mirror, server: 's1', order: 'break' }), broken('s1', 's2', g1, 8)],
      /sides do not connect/,
    ],
    ['that the sides connect', of('connect-mirror'), paired, /may connect already/],
    ['a split', of('split-mirror'), [...paired, split], /s2 is split off already/],
    ['that nothing is split', of('rejoin-mirror'), paired, /is not split/],
    ['that the copy of a server may be served', force('s1'), stopped, /nothing has to be forced/],
  ] as const)('%s', (_, order, given, settled) => {
    spec
      .given(...given)
      .when(asking(order))
      .thenSettled(settled)
  })
})
