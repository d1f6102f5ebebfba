/** Where a group with a mirror disk may go (D6, step 17 of the evaluation), and what operators can do about it. */
import { describe, expect, test } from 'vitest'
import { assignGroups } from '../../../src/decisions/assign-groups.ts'
import { needsFormat } from '../../../src/decisions/mirror-agent.ts'
import { mirrorObjection } from '../../../src/decisions/mirror-fitness.ts'
import { settlement } from '../../../src/decisions/operate.ts'
import { hexFrom, lossInWords } from '../../../src/decisions/operate-mirror.ts'
import { placeGroup } from '../../../src/decisions/place-group.ts'
import { takeOver } from '../../../src/decisions/take-over.ts'
import { type Command, mirrorName, operationId } from '../../../src/events/index.ts'
import { mirrorOf } from '../../../src/projections/mirrors.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec, stateOf } from '../spec.ts'
import { assigned, everybody, joined, knows, left, s1, s2, stopped, stopping, that, web } from './demo.ts'
import {
  alone,
  asking,
  broken,
  constructed,
  g0,
  g1,
  id,
  joinedAs,
  mirror,
  mirrored,
  of,
  ordered,
  paired,
  progressed,
  resyncStarted,
  sideSeen,
  stop,
} from './mirror-demo.ts'

const objection = (given: readonly Given[], server: typeof s1) => mirrorObjection(stateOf(given), mirror, server)

describe('a group with a mirror disk', () => {
  test('goes to no server whose copy is stale; the verdict names why, and what would help', () => {
    const { chosen, verdicts } = placeGroup(stateOf([...alone, ...stop]), web, { reachable: everybody })
    expect(chosen).toBe('s1')
    expect(verdicts).toMatchObject([
      { server: 's1', fit: 'chosen' },
      { server: 's2', fit: 'unfit', because: /stale since generation bbbbbbbb: only s1 has every write.*mirror force/ },
    ])
  })

  test('started on the server that went down first is refused there, and lands on the other when it may choose (step 17)', () => {
    // s1 went down first: s2 took over and went on alone; then everything stopped, and both came back.
    const given: readonly Given[] = [
      ...paired,
      stopping('web', 8, 'SERVERSHUTDOWN', 's2'),
      [stopped('web', 8), assigned('web', 's2', 'move')],
      left('s1', 2),
      broken('s2', 's1', g1, 12),
      stopping('web', 12, 'GROUPSTOP'),
      stopped('web', 12),
      fact('GroupWanted', { group: 'web', wanted: 'stopped' }),
      joined('s1'),
      sideSeen('s1', { epoch: 8 }),
    ]
    spec
      .given(...given)
      .when(asking({ do: 'start-group', group: web, server: s1 }))
      .thenRefused(
        /s1 cannot take web: .*stale since generation bbbbbbbb: only s2 has every write/,
        /s2 can: the same with/,
      )
    spec
      .given(...given)
      .when(asking({ do: 'start-group', group: web, server: null }))
      .thenAccepted(that('GroupWanted'), that('GroupAssigned', { server: 's2' }))
  })

  test('is not moved to a copy that is being brought up; how far it is, is said', () => {
    spec
      .given(...alone, resyncStarted, progressed(450))
      .when(asking({ do: 'move-group', group: web, server: s2 }))
      .thenRefused(/being brought up, 45 % so far/, /./)
  })

  test('moves once the other side has everything', () => {
    spec
      .given(...alone, resyncStarted, joinedAs('s1', 's2', g1, 8))
      .when(asking({ do: 'move-group', group: web, server: s2 }))
      .thenAccepted(that('GroupWanted'), that('GroupStopping', { next: { server: 's2', reason: 'move' } }))
  })

  test('waits when the server with the only current copy is lost, and goes on when it is back', () => {
    const facts = knows(s2, { hears: ['s3'], supports: { s1: ['s2', 's3'] } })
    const lost = spec.given(...alone).after((state) => takeOver(state, facts))
    expect(lost.state().groups.web).toMatchObject({
      ownership: { status: 'stopped' },
      waiting: { verdicts: [{ server: 's1' }, { server: 's2', because: /only s1 has every write/ }] },
    })
    lost.when((state) => assignGroups(state, facts)).thenFollows(that('GroupWaiting'))
    const back = lost.and(joined('s1', 's1-boot-2'), sideSeen('s1', { generation: g1, epoch: 8, boot: 's1-boot-2' }))
    back.when((state) => assignGroups(state, knows(s2))).thenFollows(that('GroupAssigned', { server: 's1' }))
  })

  test('is taken over by the side that followed', () => {
    const facts = knows(s2, { hears: ['s3'], supports: { s1: ['s2', 's3'] } })
    spec
      .given(...paired)
      .when((state) => takeOver(state, facts))
      .thenFollows(that('ServerDeclaredDown'), that('GroupAssigned', { server: 's2' }))
  })

  test('goes to no copy that has not shown itself since its machine started: it may have been restored', () => {
    const given = [...paired, ...stop, joined('s2', 's2-boot-2')]
    expect(objection(given, s2)).toMatch(/has not shown itself/)
    expect(objection([...given, sideSeen('s2', { epoch: 8, boot: 's2-boot-2' })], s2)).toBeNull()
  })

  test('goes to no copy that followed when its machine lost its power: what it acknowledged may be lost', () => {
    const back = [...paired, ...stop, joined('s2', 's2-boot-2')]
    const seen = sideSeen('s2', { epoch: 8, boot: 's2-boot-2', role: 'standby', isSameBoot: false })
    expect(objection([...back, seen], s2)).toMatch(/restarted while it followed s1/)
  })

  test('goes to no copy from the past, nor to an empty one', () => {
    expect(objection([...paired, ...stop, sideSeen('s2', { epoch: 3 })], s2)).toMatch(/not believed.*epoch 3/)
    expect(objection([...paired, ...stop, sideSeen('s2', { generation: null, epoch: 0 })], s2)).toMatch(/is empty/)
  })

  test('starts anywhere before its mirror was ever made', () => {
    expect(objection(mirrored(), s1)).toBeNull()
    expect(objection(mirrored(), s2)).toBeNull()
  })

  test('whose disk had trouble is better elsewhere', () => {
    const trouble = fact('MirrorDiskTrouble', {
      mirror,
      server: 's1',
      operation: 'write',
      offsets: [0],
      because: 'EIO',
    })
    const { chosen, verdicts } = placeGroup(stateOf([...paired, ...stop, trouble]), web, { reachable: everybody })
    expect(chosen).toBe('s2')
    expect(verdicts[0]).toMatchObject({ server: 's1', fit: 'fit', because: /EIO/ })
  })
})

describe('forcing a stale copy', () => {
  const given = [...alone, ...stop]
  const gone = [...given, left('s1', 2)]

  test('is refused while the copy that has everything can be had', () => {
    spec
      .given(...given)
      .when(asking(of('force-mirror', { server: s2 })))
      .thenRefused(/s1 is there and has every acknowledged write/, /group start web --on s1/)
  })

  test('is refused while the group runs', () => {
    spec
      .given(...alone)
      .when(asking(of('force-mirror', { server: s2 })))
      .thenRefused(/web is online on s1/, /group stop web/)
  })

  test('says in numbers what is given up, and lets the group start there', () => {
    const written = fact('MirrorDirtyRecorded', {
      mirror,
      server: 's1',
      generation: g1,
      epoch: 8,
      runs: [{ at: 0, length: 3_145_728 }],
      saves: {},
    })
    const story = spec.given(...gone.slice(0, 11), written, ...gone.slice(11))
    story.when(asking(of('force-mirror', { server: s2 }), knows(s2, { hears: ['s3'] }))).thenFollows(
      that('OperationRequested'),
      that('MirrorForced', {
        server: 's2',
        generation: g0,
        lostBytes: 3_145_728,
        lost: expect.stringMatching(/since generation aaaaaaaa: 3.0 MiB as recorded of what s1 acknowledged/),
      }),
    )
    const forced = story.after(asking(of('force-mirror', { server: s2 }), knows(s2, { hears: ['s3'] })))
    expect(mirrorObjection(forced.state(), mirror, s2)).toBeNull()
    // The other side's branch is given up: it is not believed when it comes back.
    const back = forced.and(joined('s1'), sideSeen('s1', { generation: g1, epoch: 8 })).state()
    expect(mirrorObjection(back, mirror, s1)).toMatch(/stale/)
    expect(mirrorOf(back.mirrors, mirror)?.sides.s1?.seen?.verdict).toMatchObject({ is: 'older' })
  })

  test('says how much the mirror has, when all of it may be lost and nothing is recorded', () => {
    const lost = (given: readonly Given[]) => {
      const state = stateOf(given)
      const known = mirrorOf(state.mirrors, mirror)
      return known && lossInWords(state, known, 's2')
    }
    expect(lost(gone)).toMatch(/aaaaaaaa: 0 bytes as recorded of what s1 acknowledged; .*; the mirror has 1.0 MiB$/)
    const replaced = [...alone, ordered('replace-disk', 's2'), ...stop]
    expect(lost(replaced)).toMatch(
      /^s2 lacks everything \(.* its disk was replaced\) of what s1 .*; the mirror has 1.0 MiB$/,
    )
  })

  test('makes what the other copy had shown before void, too: it need not be shown again to be overwritten', () => {
    const forced = fact('MirrorForced', { mirror, server: 's2', generation: g0, lostBytes: null, lost: 'all' })
    const state = stateOf([...alone, sideSeen('s1', { generation: g1, epoch: 8 }), forced])
    expect(mirrorOf(state.mirrors, mirror)?.sides.s1?.seen?.verdict).toMatchObject({ is: 'older' })
  })

  test('of a copy whose metadata cannot be read has it formatted, as a content of its own', () => {
    const unread = sideSeen('s1', { id: null, generation: null, because: 'neither copy of the state can be read' })
    expect(needsFormat(stateOf([...alone, unread]), mirror, s1)).toBeNull()
    const forced = fact('MirrorForced', { mirror, server: 's1', generation: g1, lostBytes: null, lost: 'all' })
    expect(needsFormat(stateOf([...alone, unread, forced]), mirror, s1)).toEqual({ id, generation: null })
  })

  test('of a copy that is current is not needed', () => {
    spec
      .given(...paired, ...stop)
      .when(asking(of('force-mirror', { server: s2 })))
      .thenSettled(/nothing has to be forced/)
  })
})

describe('an operator', () => {
  test('initialises a mirror once, and says which side has the data', () => {
    spec
      .given(...mirrored())
      .when(asking(of('init-mirror', { from: s2, initial: 'full' })))
      .thenAccepted(that('MirrorConstructed', { source: 's2', target: 's1', initial: 'full' }))
    spec
      .given(...mirrored(), constructed())
      .when(asking(of('init-mirror', { from: null, initial: null })))
      .thenRefused(/was initialised before/, /resync web.data --full/)
    expect(hexFrom('a', 16)).toMatch(/^[0-9a-f]{32}$/)
    expect(hexFrom('a', 8)).not.toBe(hexFrom('b', 8))
  })

  test('who names no mirror is told which there are', () => {
    spec
      .given(...mirrored())
      .when(asking({ ...of('verify-mirror'), mirror: mirrorName('web', 'dat') } as Command))
      .thenRefused(/there is no mirror web.dat/, /web.data/)
  })

  test('orders what only the active server can do; it is settled when its agent says so', () => {
    const story = spec.given(...paired).after(asking(of('verify-mirror')))
    const operation = operationId('o1')
    expect(settlement(story.state(), operation)).toBeNull()
    const finished = fact('MirrorOrderFinished', {
      mirror,
      server: 's1',
      ordered: 11,
      outcome: 'failed',
      detail: 'no link',
    })
    expect(settlement(story.and(finished).state(), operation)).toEqual({ outcome: 'failed', detail: 'no link' })
  })

  test('verifies, splits and resizes nothing that is broken', () => {
    for (const verb of ['verify-mirror', 'split-mirror', 'resize-mirror', 'break-mirror'])
      spec
        .given(...alone)
        .when(asking(of(verb)))
        .thenRefused(/only s1 has every write, s2 was left behind/, /resync web.data/)
  })

  test('breaks it, and lets it connect again', () => {
    const story = spec.given(...paired).after(asking(of('break-mirror')))
    expect(mirrorOf(story.state().mirrors, mirror)?.mayConnect).toBe(false)
    story.when(asking(of('connect-mirror'))).thenFollows(that('OperationRequested'), that('MirrorConnectAllowed'))
  })

  test('resynchronises what is stale; what is equal only in full', () => {
    spec
      .given(...paired)
      .when(asking(of('resync-mirror', { full: false })))
      .thenSettled(/both sides have everything/)
    spec
      .given(...paired)
      .when(asking(of('resync-mirror', { full: true })))
      .thenAccepted(that('MirrorOrdered', { order: 'resync-full' }))
    spec
      .given(...alone)
      .when(asking(of('resync-mirror', { full: false })))
      .thenAccepted(that('MirrorOrdered', { order: 'resync' }))
    spec
      .given(...alone, left('s2', 3))
      .when(asking(of('resync-mirror', { full: false })))
      .thenRefused(/s2, which is to be brought up, is not there/, /start s2/)
  })

  test('resynchronises what a comparison has found to differ, until it is copied', () => {
    const differs = fact('MirrorVerified', {
      ...{ mirror, server: 's1', checkedBytes: 1_048_576, differentBytes: 4096 },
      differences: [{ at: 0, length: 4096 }],
    })
    const resync = asking(of('resync-mirror', { full: false }))
    spec
      .given(...paired, differs)
      .when(resync)
      .thenAccepted(that('MirrorOrdered', { order: 'resync', server: 's1' }))
    const copied = [...paired, differs, broken('s1', 's2', g1, 8), joinedAs('s1', 's2', g1, 8)]
    spec
      .given(...copied)
      .when(resync)
      .thenSettled(/both sides have everything/)
    const equal = fact('MirrorVerified', {
      ...{ mirror, server: 's1', checkedBytes: 1_048_576, differentBytes: 0, differences: [] },
    })
    expect(mirrorOf(stateOf([...copied, equal, joinedAs('s1', 's2', g1, 8)]).mirrors, mirror)?.verified).toMatchObject({
      differentBytes: 0,
    })
  })

  test('replaces the disk that is not needed, never the only good one', () => {
    const replace = (server: typeof s1) => asking(of('replace-mirror-disk', { server }))
    spec
      .given(...alone)
      .when(replace(s2))
      .thenAccepted(that('MirrorOrdered', { order: 'replace-disk', server: 's2' }))
    spec
      .given(...alone)
      .when(replace(s1))
      .thenRefused(/web runs on s1/, /resync web.data first/)
    spec
      .given(...alone, ...stop)
      .when(replace(s1))
      .thenRefused(/the only one that has every write/, /mirror force/)
    spec
      .given(...paired)
      .when(replace(s2))
      .thenRefused(/written on both sides/, /mirror break/)
    const doubtful = [...paired, ...stop, sideSeen('s2', { role: 'standby', isSameBoot: false, epoch: 8 })]
    spec
      .given(...doubtful, left('s1', 2))
      .when(asking(of('force-mirror', { server: s2 })))
      .thenAccepted(that('MirrorForced', { server: 's2' }))
    const forced = fact('MirrorForced', { mirror, server: 's2', generation: g0, lostBytes: null, lost: 'some' })
    spec
      .given(...doubtful, left('s1', 2), forced, joined('s1', 's1-boot-2'))
      .when(replace(s1))
      .thenAccepted(that('MirrorOrdered', { order: 'replace-disk', server: 's1' }))
    const after = stateOf([...paired, ...stop, ordered('replace-disk', 's2')])
    expect(mirrorObjection(after, mirror, s2)).toMatch(/stale/)
  })

  test('does not stop a server whose groups would have no other place (step 7)', () => {
    spec
      .given(...alone, resyncStarted, progressed(300))
      .when(asking({ do: 'stop-server', server: s1 }))
      .thenRefused(/s2 cannot take over web: .*not current yet, resync has 30 %/, /wait until it is/)
    spec
      .given(...paired)
      .when(asking({ do: 'stop-server', server: s1 }))
      .thenAccepted(that('ServerStopOrdered'))
    // With the other server gone, waiting would not help: step 14.
    spec
      .given(...alone, left('s2', 3))
      .when(asking({ do: 'stop-server', server: s1 }))
      .thenAccepted(that('ServerStopOrdered'))
  })
})
