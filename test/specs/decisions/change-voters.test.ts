import { describe, expect, test } from 'vitest'
import { applyConfiguration } from '../../../src/decisions/apply-configuration.ts'
import { acknowledgeVoters, completeVoters, unacknowledged } from '../../../src/decisions/change-voters.ts'
import type { Decision } from '../../../src/decisions/decision.ts'
import { acknowledging, changeToAcknowledge, leasedUntil } from '../../../src/decisions/leases.ts'
import { membershipOf } from '../../../src/decisions/membership.ts'
import type { Event } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { at, exchange, members, Voter } from '../liveness/voters.ts'
import { spec } from '../spec.ts'
import { joined, s1, s2, s3, that } from './demo.ts'

const source = (voters: string) =>
  `cluster: demo
servers:
${[1, 2, 3, 4, 5].map((n) => `  - {name: s${n}, addresses: {lan: 10.0.0.${n}}}`).join('\n')}
voters: [${voters}]
groups:
  web: {servers: [s1, s2], resources: {httpd: {type: exec, start: httpd}}}
`
const apply =
  (voters: string) =>
  (state: State): Decision | null => {
    const answer = applyConfiguration(state, { do: 'apply-configuration', source: source(voters), note: '' })
    if ('refused' in answer) throw new Error(answer.refused)
    const [first, ...rest] = answer.events
    return first ? { events: [first, ...rest], because: {}, causedBy: null } : null
  }
const refusal = (state: State, voters: string): string => {
  const answer = applyConfiguration(state, { do: 'apply-configuration', source: source(voters), note: '' })
  return 'refused' in answer ? answer.refused : 'accepted'
}
const admitted = (voter: string): Event => fact('VoterAdmitted', { voter, store: `store-${voter}` })

/** s1, s2 and s3 vote and are up; s4 has been heard, s5 has not. Sequences 1 to 9. */
const running = spec
  .given([fact('ClusterCreated', { cluster: 'demo' })])
  .after(apply('s1, s2, s3'))
  .and(...['s1', 's2', 's3', 's4'].map(admitted), ...['s1', 's2', 's3'].map((name) => joined(name)))
const inFlight = running.after(apply('s1, s2, s4'))
const sequence = 10

describe('the voters change on a living cluster', () => {
  test('applying other voters begins a change: nobody else votes yet', () => {
    running
      .when(apply('s1, s2, s4'))
      .thenFollows(that('ConfigurationApplied', { version: 2 }), that('VotersChanging', { to: ['s1', 's2', 's4'] }))
    expect(membershipOf(inFlight.state())).toMatchObject({ voters: [s1, s2, s3], change: { to: [s1, s2, 's4'] } })
  })
  test('each server that is up acknowledges once, when its lease counts both lists', () => {
    inFlight.when((state) => acknowledgeVoters(state, s1, 0)).thenNothing()
    inFlight
      .when((state) => acknowledgeVoters(state, s1, sequence))
      .thenFollows(that('VotersAcknowledged', { server: 's1', change: sequence }))
    inFlight
      .after((state) => acknowledgeVoters(state, s1, sequence))
      .when((state) => acknowledgeVoters(state, s1, sequence))
      .thenNothing()
  })
  test('it counts once all that are up have acknowledged; one that was declared down need not', () => {
    const two = inFlight
      .after((state) => acknowledgeVoters(state, s1, sequence))
      .after((state) => acknowledgeVoters(state, s2, sequence))
    two.when(completeVoters).thenNothing()
    expect(unacknowledged(two.state())).toEqual([s3])
    const down = two.and(fact('ServerDeclaredDown', { server: 's3', generation: 9, supports: [] }))
    down.when(completeVoters).thenFollows(that('VotersChanged', { voters: ['s1', 's2', 's4'] }))
    expect(membershipOf(down.after(completeVoters).state())).toMatchObject({ voters: [s1, s2, 's4'], change: null })
  })
  test('a server that joins meanwhile is waited for', () => {
    const all = [s1, s2, s3].reduce(
      (story, server) => story.after((state) => acknowledgeVoters(state, server, sequence)),
      inFlight,
    )
    all.and(joined('s5')).when(completeVoters).thenNothing()
  })
  test('an acknowledgement of a change that was given up says nothing of the next one', () => {
    const again = inFlight
      .after((state) => acknowledgeVoters(state, s1, sequence))
      .after(apply('s1, s2, s3'))
      .after(apply('s1, s3, s4'))
    expect(unacknowledged(again.state())).toEqual([s1, s2, s3])
    again.when((state) => acknowledgeVoters(state, s1, sequence)).thenNothing()
  })
})

describe('a change of voters is refused', () => {
  test('while another is in flight, with who it waits for; it can be given up', () => {
    expect(refusal(inFlight.state(), 's1, s3, s4')).toMatch(/to s1, s2, s4 is in flight: s1, s2, s3 did not/)
    inFlight
      .when(apply('s1, s2, s3'))
      .thenFollows(that('ConfigurationApplied'), that('VotersChangeAbandoned', { voters: ['s1', 's2', 's3'] }))
  })
  test('to a machine that nobody has heard', () => {
    expect(refusal(running.state(), 's1, s2, s5')).toContain('s5 cannot vote: nobody has heard them yet')
  })
  test('to an even number, or to somebody who is not there', () => {
    expect(refusal(running.state(), 's1, s2')).toContain('there must be 1, 3 or 5')
    expect(refusal(running.state(), 's1, s2, s9')).toContain('there is no server s9')
  })
})

describe('a lease while the voters change', () => {
  const change = { to: [s1, s3], sequence, acknowledgedBy: [] }
  const changing = { ...members, change }

  test('rests on the old voters until the server counts both, and then on a majority of each', () => {
    const [p, v] = [new Voter('s1'), new Voter('w')]
    exchange(p, v, 1000)
    expect(leasedUntil(p.l, changing)).toBeGreaterThan(1000)
    expect(changeToAcknowledge(p.l, changing, at(1000))).toBeNull()
    const bound = acknowledging(p.l, sequence)
    expect(leasedUntil(bound, changing)).toBe(Number.NEGATIVE_INFINITY)
    expect(leasedUntil(bound, { ...changing, change: { ...change, sequence: sequence + 1 } })).toBeGreaterThan(1000)
  })
  test('may count both as soon as that costs nothing', () => {
    const [p, v, next] = [new Voter('s1'), new Voter('w'), new Voter('s3')]
    const known = { ...changing, admitted: { ...members.admitted, s3: 'store-s3' } }
    p.members = known
    exchange(p, v, 1000)
    exchange(p, next, 1100)
    expect(changeToAcknowledge(p.l, known, at(1200))).toBe(sequence)
    expect(changeToAcknowledge(p.l, { ...known, change: { ...change, acknowledgedBy: [s1] } }, at(1200))).toBeNull()
  })
})
