/** A new version of the configuration: what it does to groups, and what has to come first. */
import { describe, test } from 'vitest'
import { operate } from '../../../src/decisions/operate.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import { spec } from '../spec.ts'
import { ask, assigned, declaredDown, joined, knows, left, s1, that } from './demo.ts'

const apply = (source: string) => (state: State) =>
  operate(state, ask({ do: 'apply-configuration', source, note: 'night shift' }), knows(s1))

describe('apply-configuration', () => {
  const source = (extra = '') =>
    `cluster: demo\nservers:\n${[1, 2, 3].map((n) => `  - {name: s${n}, addresses: {lan: 10.0.0.${n}}}`).join('\n')}\ngroups:\n  web: {servers: [s1, s2], resources: {httpd: {type: exec, start: ${extra || 'httpd'}}}}\n`
  const first = spec.given([fact('ClusterCreated', { cluster: 'demo' })]).after(apply(source()))

  test('the first is version 1', () => {
    spec
      .given(fact('ClusterCreated', { cluster: 'demo' }))
      .when(apply(source()))
      .thenAccepted(that('ConfigurationApplied', { version: 1, note: 'night shift' }))
  })
  test('the same again is in force already', () => {
    first.when(apply(source())).thenSettled('it is in force already')
  })
  test('a change restarts the groups that it concerns, where they run', () => {
    first.when(apply(source('other'))).thenAccepted(that('ConfigurationApplied', { version: 2 }))
    first
      .and(fact('ServerJoined', { server: 's1', incarnation: 1, boot: 'b', heardBy: [] }), assigned('web', 's1'))
      .when(apply(source('other')))
      .thenAccepted(
        that('ConfigurationApplied', { version: 2 }),
        that('GroupStopping', { factor: 'GROUPRESTART', next: { server: 's1' } }),
      )
  })
  test('a group that is put back before it has left stops first: what runs is what it was', () => {
    const without = source().replace(/web:/, 'other:')
    first
      .and(fact('ServerJoined', { server: 's1', incarnation: 1, boot: 'b', heardBy: [] }), assigned('web', 's1'))
      .after(apply(without))
      .when(apply(source()))
      .thenAccepted(
        that('ConfigurationApplied', { version: 3 }),
        that('GroupStopping', { group: 'web', factor: 'GROUPRESTART', next: { server: 's1' } }),
      )
  })
  test('is refused with every problem and its place', () => {
    first
      .when(apply('cluster: demo\nservers: []\nnonsense: 1\n'))
      .thenRefused(/cluster\.yaml:\d+[\s\S]*nonsense/, 'baton config check')
  })
  test('is refused where it cannot be done on a running cluster', () => {
    first.when(apply(source().replace('cluster: demo', 'cluster: other'))).thenRefused(/cluster/, /./)
  })
})

describe('a configuration without a server', () => {
  const source = (...servers: readonly number[]) =>
    `cluster: demo\nservers:\n${servers.map((n) => `  - {name: s${n}, addresses: {lan: 10.0.0.${n}}}`).join('\n')}
voters: [s1, s2, s3]\ngroups:\n  web: {servers: [s1, s2], resources: {httpd: {type: exec, start: httpd}}}\n`
  const withoutS4 = apply(source(1, 2, 3))
  const begun = spec.given([fact('ClusterCreated', { cluster: 'demo' })]).after(apply(source(1, 2, 3, 4)))
  // s4 is up under generation 6.
  const up = begun.and(...['s1', 's2', 's3', 's4'].map((name) => joined(name)))
  const owns = up.and(assigned('web', 's4'))

  test('is refused while that is up, or not proven off', () => {
    up.when(withoutS4).thenRefused('servers.s4: s4 is up', 'first baton server stop s4')
    owns
      .and(fact('ServerStopOrdered', { server: 's4' }))
      .when(withoutS4)
      .thenRefused('servers.s4: s4 is up', 'first baton server stop s4')
    const requested = { server: 's4', generation: 6, groups: ['web'], executor: 's1', because: 'required' }
    owns
      .and([fact('FencingRequested', requested), declaredDown('s4', 6)])
      .when(withoutS4)
      .thenRefused('servers.s4: s4 is not proven off', /baton server confirm-off s4$/)
  })
  test('is accepted once that has left, or is down, or was never there', () => {
    const accepted = that('ConfigurationApplied', { version: 2 })
    up.and(left('s4', 6)).when(withoutS4).thenAccepted(accepted)
    owns.and(declaredDown('s4', 6)).when(withoutS4).thenAccepted(accepted)
    begun.when(withoutS4).thenAccepted(accepted)
  })
})
