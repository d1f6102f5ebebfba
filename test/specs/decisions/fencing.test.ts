/** A server that must be proven off before its groups may run elsewhere. */
import { describe, expect, test } from 'vitest'
import { assignGroups } from '../../../src/decisions/assign-groups.ts'
import { type Attempted, endFencing, recordAttempt } from '../../../src/decisions/fence-server.ts'
import { needsFence } from '../../../src/decisions/fencing.ts'
import { operate } from '../../../src/decisions/operate.ts'
import { takeOver } from '../../../src/decisions/take-over.ts'
import { generationOf, sequence, serverName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { type Given, spec } from '../spec.ts'
import {
  ask,
  assigned,
  cluster,
  configuredAs,
  declaredDown,
  joined,
  knows,
  ofResource,
  online,
  s1,
  s2,
  s3,
  stopped,
  stopping,
  that,
  wanted,
  web,
  webOnS1,
} from './demo.ts'

const fencingAs = (more: object = {}) => ({
  cluster: {
    fencing: {
      policy: 'required',
      devices: { bmc: { type: 'command', off: 'true' } },
      levels: { s1: [['bmc']], s2: [['bmc']], s3: [['bmc']] },
      ...more,
    },
  },
})
const fenced = fencingAs()
const preferred = fencingAs({ policy: 'preferred' })

const supports = { s1: ['s2', 's3'] }
const takeOverByS2 = (state: State) => takeOver(state, knows(s2, { hears: ['s3'], supports }))
const generation = generationOf(sequence(2))
const requested = (more: object = {}) =>
  fact('FencingRequested', { server: 's1', generation: 2, groups: ['web'], executor: 's2', because: 'policy', ...more })
const uncertain: readonly Given[] = [...cluster(fenced), ...webOnS1, [requested(), declaredDown('s1', 2)]]
const knowsS2 = knows(s2, { hears: ['s3'] })
const attempt = (outcome: Attempted['outcome'], of: Partial<Attempted> = {}): Attempted => ({
  server: s1,
  generation,
  requestedBy: sequence(7),
  attempt: 1,
  outcome,
  ...of,
})
const proven = attempt({ ok: true, level: 1, devices: ['bmc'], ms: 12.6 })
const unproven = attempt({ ok: false, because: 'level 1: bmc: no answer' })
const webOf = (state: State) => state.groups.web?.ownership

describe('a server that is declared down and held groups', () => {
  test('is fenced first: its groups are nobody else’s yet', () => {
    spec
      .given(...cluster(fenced), ...webOnS1)
      .when(takeOverByS2)
      .thenFollows(
        that('FencingRequested', { server: 's1', generation: 2, groups: ['web'], executor: 's2' }),
        that('ServerDeclaredDown', { server: 's1', generation: 2 }),
      )
  })

  test('leaves them uncertain, and nobody assigns them anew', () => {
    const story = spec.given(...cluster(fenced), ...webOnS1).after(takeOverByS2)
    expect(webOf(story.state())).toMatchObject({ status: 'assigned', server: 's1', phase: 'uncertain', epoch: 5 })
    story.when((state) => assignGroups(state, knowsS2)).thenNothing()
    story.when(takeOverByS2).thenNothing()
  })

  test('needs no fence when its own word came: everything of that generation is off', () => {
    const facts = {
      ...knowsS2,
      supporters: () =>
        [
          { voter: s2, reason: 'silent' },
          { voter: s3, reason: 'renounced' },
        ] as const,
    }
    spec
      .given(...cluster(fenced), ...webOnS1)
      .when((state) => takeOver(state, facts))
      .thenFollows(that('ServerDeclaredDown'), that('GroupAssigned', { group: 'web', server: 's2' }))
  })

  test('needs none under policy off, nor under preferred without a device for it', () => {
    for (const changes of [{}, fencingAs({ policy: 'preferred', levels: { s2: [['bmc']] } })])
      spec
        .given(...cluster(changes), ...webOnS1)
        .when(takeOverByS2)
        .thenFollows(that('ServerDeclaredDown'), that('GroupAssigned', { group: 'web', server: 's2' }))
  })

  test('is fenced whatever the policy when something there could not be stopped (F4)', () => {
    const stuck = ofResource('DeactivationFailed', 'httpd', 5, {
      attempt: 2,
      durationMs: 1,
      because: 'even by force: busy',
      stalled: false,
    })
    const story = spec.given(...cluster(), ...webOnS1, stopping('web', 5, 'GROUPSTOP'), stuck)
    expect(needsFence(story.state(), s1)).toEqual({
      need: 'required',
      because: 'web/httpd could not be stopped there',
    })
    story.when(takeOverByS2).thenFollows(that('FencingRequested', { server: 's1' }), that('ServerDeclaredDown'))
  })
})

test('a server that held no groups is not fenced', () => {
  spec
    .given(...cluster(fenced))
    .when(takeOverByS2)
    .thenFollows(that('ServerDeclaredDown', { server: 's1' }))
})

describe('an attempt', () => {
  test('that proves it off gives its groups away in the same commit', () => {
    spec
      .given(...uncertain)
      .when((state) => recordAttempt(state, proven, knowsS2))
      .thenFollows(
        that('FencingConfirmed', { server: 's1', generation: 2, by: 's2', level: 1, devices: ['bmc'], ms: 13 }),
        that('GroupAssigned', { group: 'web', server: 's2', reason: 'failover' }),
      )
  })

  test('that fails moves nothing where the policy requires a proof', () => {
    const story = spec.given(...uncertain)
    story
      .when((state) => recordAttempt(state, unproven, knowsS2))
      .thenFollows(that('FencingFailed', { server: 's1', attempt: 1, because: 'level 1: bmc: no answer' }))
    const after = story.after((state) => recordAttempt(state, unproven, knowsS2))
    expect(webOf(after.state())).toMatchObject({ phase: 'uncertain' })
    expect(after.state().fencing.pending.s1).toMatchObject({ attempts: 1, lastFailure: 'level 1: bmc: no answer' })
  })

  test('that fails lets its groups go on where the policy only prefers a proof', () => {
    spec
      .given(...cluster(preferred), ...webOnS1, [requested(), declaredDown('s1', 2)])
      .when((state) => recordAttempt(state, unproven, knowsS2))
      .thenFollows(
        that('FencingFailed'),
        that('FencingForgone', { server: 's1' }),
        that('GroupAssigned', { group: 'web', server: 's2', reason: 'failover' }),
      )
  })

  test('whose server joined again meanwhile says nothing of its new life', () => {
    spec
      .given(...uncertain, joined('s1'))
      .when((state) => recordAttempt(state, proven, knowsS2))
      .thenNothing()
  })

  test('of an earlier generation proves nothing of this one', () => {
    const again = [joined('s1'), [requested({ generation: 8 }), declaredDown('s1', 8)]] as const
    const story = spec.given(...uncertain, ...again)
    story.when((state) => recordAttempt(state, proven, knowsS2)).thenNothing()
    const of = { generation: generationOf(sequence(8)), requestedBy: sequence(9) }
    const late = attempt({ ok: true, level: 1, devices: ['bmc'], ms: 1 }, of)
    story
      .when((state) => recordAttempt(state, late, knowsS2))
      .thenFollows(that('FencingConfirmed', { generation: 8 }), that('GroupAssigned', { server: 's2' }))
  })

  test('answers no other request for the same life: not one that another server has been given, nor an operator’s', () => {
    const taken = spec.given(...uncertain, requested({ executor: 's3' }))
    for (const outcome of [proven, unproven])
      taken.when((state) => recordAttempt(state, outcome, knowsS2)).thenNothing()
    taken
      .when((state) => recordAttempt(state, { ...proven, requestedBy: sequence(8) }, knows(s3)))
      .thenFollows(that('FencingConfirmed', { by: 's3' }), that('GroupAssigned'))
  })

  test('frees a group that nobody wants started, without starting it', () => {
    const story = spec.given(...uncertain, wanted('web', 'stopped'))
    story.when((state) => recordAttempt(state, proven, knowsS2)).thenFollows(that('FencingConfirmed'))
    const after = story.after((state) => recordAttempt(state, proven, knowsS2))
    expect(webOf(after.state())).toMatchObject({
      status: 'stopped',
      because: 's1 was fenced after it was declared down',
    })
  })

  test('is recorded in a suspended cluster, which assigns nothing; once resumed, its groups start', () => {
    const story = spec.given(...uncertain, fact('ClusterSuspended'))
    story.when((state) => recordAttempt(state, proven, knowsS2)).thenFollows(that('FencingConfirmed'))
    story
      .after((state) => recordAttempt(state, proven, knowsS2))
      .and(fact('ClusterResumed'))
      .when((state) => assignGroups(state, knowsS2))
      .thenFollows(that('GroupAssigned', { group: 'web', server: 's2', reason: 'failover' }))
  })
})

describe('a server that comes back before it was fenced', () => {
  test('keeps its groups: nobody else had them', () => {
    const state = spec.given(...uncertain, joined('s1')).state()
    expect(webOf(state)).toMatchObject({ server: 's1', epoch: 5, phase: 'starting' })
    expect(state.fencing.pending).toEqual({})
    expect(state.fencing.history).toMatchObject([{ server: 's1', generation: 2, outcome: 'came back' }])
  })

  test('starts them from nothing when its machine has restarted', () => {
    const running = ofResource('ResourceActivated', 'httpd', 5, { attempt: 1, durationMs: 1, adopted: false })
    const commits: readonly Given[] = [...cluster(fenced), ...webOnS1, running, [requested(), declaredDown('s1', 2)]]
    expect(webOf(spec.given(...commits, joined('s1')).state())).toMatchObject({ resources: { httpd: {} } })
    expect(webOf(spec.given(...commits, joined('s1', 'another')).state())).toMatchObject({ resources: {} })
  })

  test('goes on stopping what it was stopping', () => {
    const commits: readonly Given[] = [
      ...cluster(fenced),
      ...webOnS1,
      stopping('web', 5, 'GROUPMOVE', 's2'),
      [requested(), declaredDown('s1', 2)],
    ]
    expect(webOf(spec.given(...commits, joined('s1')).state())).toMatchObject({ phase: 'stopping' })
  })
})

describe('a request ends without a fence', () => {
  test('when the server itself says, after all, that it released everything', () => {
    spec
      .given(...uncertain)
      .when((state) => endFencing(state, { ...knowsS2, renounced: () => generation }))
      .thenFollows(that('FencingUnneeded', { server: 's1' }), that('GroupAssigned', { group: 'web', server: 's2' }))
  })

  test('when the server itself stopped what it owned', () => {
    spec
      .given(...uncertain, stopped('web', 5))
      .when((state) => endFencing(state, knowsS2))
      .thenFollows(that('FencingUnneeded', { because: 's1 itself stopped what it owned' }))
  })

  test('when the configuration asks for no proof any more', () => {
    spec
      .given(...uncertain, configuredAs({}))
      .when((state) => endFencing(state, knowsS2))
      .thenFollows(that('FencingForgone', { server: 's1' }), that('GroupAssigned', { group: 'web', server: 's2' }))
  })

  test('and not by itself', () => {
    spec
      .given(...uncertain)
      .when((state) => endFencing(state, knowsS2))
      .thenNothing()
  })
})

test('an executor begins anew when an operator asks for it', () => {
  spec
    .given(
      ...uncertain,
      fact('FencingFailed', { server: 's1', generation: 2, executor: 's2', attempt: 3, because: 'x' }),
    )
    .when((state) => operate(state, ask({ do: 'fence-server', server: s1 }), knowsS2))
    .thenAccepted(that('FencingRequested', { server: 's1', executor: 's2', because: 'an operator asked for it' }))
  spec
    .given(...cluster(fenced))
    .when((state) => operate(state, ask({ do: 'fence-server', server: s1 }), knowsS2))
    .thenRefused(/nothing waits for s1/, /declared down while it held groups/)
})

describe('an operator’s word that a server is off', () => {
  const confirm = { do: 'confirm-off', server: s1, note: 'pulled both cables' } as const

  test('moves its groups in the same commit', () => {
    spec
      .given(...uncertain)
      .when((state) => operate(state, ask(confirm), knowsS2))
      .thenAccepted(
        that('FencingConfirmedByOperator', { server: 's1', generation: 2, note: 'pulled both cables' }),
        that('GroupAssigned', { group: 'web', server: 's2', reason: 'failover' }),
      )
  })

  test('is refused of a server that is heard, up, or unknown', () => {
    const story = spec.given(...uncertain)
    story
      .when((state) => operate(state, ask(confirm), knows(s2, { hears: ['s1', 's3'] })))
      .thenRefused('s1 is heard: it is not off', /switch s1 off/)
    spec
      .given(...cluster(fenced), ...webOnS1)
      .when((state) => operate(state, ask(confirm), knowsS2))
      .thenRefused('s1 has not been declared down yet', /heartbeat timeout/)
    story
      .when((state) => operate(state, ask({ ...confirm, server: serverName('s9') }), knowsS2))
      .thenRefused('there is no server s9', 'one of: s1, s2, s3')
  })

  test('about a server that nothing waits for changes nothing', () => {
    spec
      .given(...cluster(fenced), declaredDown('s1', 2))
      .when((state) => operate(state, ask(confirm), knowsS2))
      .thenSettled('nothing waits for s1 to be proven off')
  })
})

test('nobody starts, moves or restarts an uncertain group; that it is to be stopped is taken down for later', () => {
  const story = spec.given(...uncertain)
  const asked = (command: Parameters<typeof ask>[0]) => story.when((state) => operate(state, ask(command), knowsS2))
  const group = web
  asked({ do: 'start-group', group, server: null }).thenRefused(/web is uncertain: s1 is down/, /confirm-off s1/)
  asked({ do: 'move-group', group, server: s2 }).thenRefused(/web is uncertain/, /confirm-off s1/)
  asked({ do: 'stop-group', group }).thenAccepted(that('GroupWanted', { group: 'web', wanted: 'stopped' }))
})

test('groups of two servers are uncertain apart from each other', () => {
  const commits: readonly Given[] = [
    ...cluster(fenced),
    ...webOnS1,
    assigned('db', 's3'),
    online('db', 7),
    [requested(), declaredDown('s1', 2)],
  ]
  spec
    .given(...commits)
    .when((state) => recordAttempt(state, { ...proven, requestedBy: sequence(9) }, knowsS2))
    .thenFollows(that('FencingConfirmed', { server: 's1' }), that('GroupAssigned', { group: 'web' }))
})
