import { expect, test } from 'vitest'
import { diffConfiguration } from '../../../src/decisions/diff-configuration.ts'
import { configurationOf, group, servers, two, web } from './samples.ts'

const full =
  two +
  group(
    'vip: { type: fip, address: 10.0.0.100 }',
    'data: { type: disk, device: /dev/sdb, mountPoint: /srv }',
    'app: { type: exec, start: sleep 1000, stop: "true", environment: { A: "1" } }',
    'unit: { type: service, unit: nginx.service }',
  )
const diff = (from: string, to: string) =>
  diffConfiguration(configurationOf(full), configurationOf(full.replace(from, to)))

test('nothing changes between equal configurations', () => {
  expect(diff('', '')).toEqual({ changes: [], restarts: [], stops: [], refused: [] })
})

test('the first configuration of a cluster is all new and interrupts nothing', () => {
  const first = diffConfiguration(null, configurationOf(web))
  expect(first).toMatchObject({ restarts: [], stops: [], refused: [] })
  expect(first.changes).toContainEqual({ path: 'cluster', before: null, after: 'test' })
})

test.each([
  ['stop: "true"', 'stop: "false"', 'groups.web.resources.app.stop'],
  ['start: sleep', 'killAfter: 3s, start: sleep', 'groups.web.resources.app.killAfter'],
  ['start: sleep', 'logSize: 4096, start: sleep', 'groups.web.resources.app.logSize'],
  ['start: sleep', 'after: [vip], start: sleep', 'groups.web.resources.app.after'],
  ['start: sleep', 'activation: { retries: 4 }, start: sleep', 'groups.web.resources.app.activation.retries'],
  ['type: fip', 'type: fip, reannounce: 5s', 'groups.web.resources.vip.reannounce'],
  ['type: disk', 'type: disk, fsck: never', 'groups.web.resources.data.fsck'],
  ['[alpha, beta]', '[beta, alpha]', 'groups.web.servers'],
  ['[alpha, beta]', '[alpha, beta]\n    failback: auto', 'groups.web.failback'],
  ['cluster: test', 'cluster: test\nmonitors: { m: { type: ipw, addresses: [10.0.0.9] } }', 'monitors.m'],
  ['cluster: test', 'cluster: test\nalerts: { file: false }', 'alerts.file'],
  ['cluster: test', 'cluster: test\nheartbeat: { interval: 200ms }', 'heartbeat.interval'],
  ['cluster: test', 'cluster: test\nheartbeat: { timeout: 4s }', 'heartbeat.timeout'],
  ['cluster: test', 'cluster: test\nheartbeat: { release: 1100ms }', 'heartbeat.release'],
  ['      app:', '      more: { type: exec, start: sleep 1 }\n      app:', 'groups.web.resources.more'],
  ['      unit: { type: service, unit: nginx.service }\n', '', 'groups.web.resources.unit'],
])('a running group takes this over without an interruption: %s → %s', (from, to, path) => {
  const { changes, ...rest } = diff(from, to)
  expect(changes.map((change) => change.path)).toEqual([path])
  expect(rest).toEqual({ restarts: [], stops: [], refused: [] })
})

test.each([
  ['sleep 1000', 'sleep 2000', 'start of app changes'],
  ['type: exec', 'type: exec, mode: run-to-end, user: web', 'mode, user of app change'],
  ['A: "1"', 'A: "2"', 'environment of app changes'],
  ['10.0.0.100', '10.0.0.101', 'address of vip changes'],
  ['/srv', '/data', 'mountPoint of data changes'],
  ['nginx.service', 'apache2.service', 'unit of unit changes'],
  ['type: service, unit: nginx.service', 'type: exec, start: nginx', 'unit becomes exec instead of service'],
])('a group restarts for this: %s → %s', (from, to, because) => {
  expect(diff(from, to).restarts).toEqual([{ group: 'web', because, onlyOn: null }])
})

test('a group moves away from a server that may no longer run it', () => {
  expect(diff('[alpha, beta]', '[beta]').restarts).toEqual([
    { group: 'web', because: 'alpha may no longer run it: there, it moves', onlyOn: ['alpha'] },
  ])
})

test('a group that is gone stops', () => {
  const { stops, restarts } = diffConfiguration(configurationOf(web), configurationOf(two))
  expect(stops).toEqual([{ group: 'web', because: 'it is not in the new configuration', onlyOn: null }])
  expect(restarts).toEqual([])
})

test.each([
  ['cluster: test', 'cluster: other', ['cluster']],
  // From one to the other, leases of some servers would be shorter than a few beats.
  ['cluster: test', 'cluster: test\nheartbeat: { timeout: 20s, release: 4s, stop: 3s }', ['heartbeat']],
  ['cluster: test', 'cluster: test\nheartbeat: { onQuorumLoss: keep }', ['heartbeat.onQuorumLoss']],
  ['cluster: test', 'cluster: test\nports: { log: 4222 }', ['ports.log']],
  ['lan: 10.0.0.2', 'lan: 10.0.0.22', ['servers.beta.addresses.lan']],
  ['lan: 10.0.0.3 }', 'lan: 10.0.0.3 }, ports: { log: 1 }', ['witness.ports']],
  ['name: gamma', 'name: delta', ['servers']],
  ['10.0.0.2 } }', '10.0.0.2 } }\n  - { name: delta, addresses: { lan: 10.0.0.4 } }', ['servers']],
])('a running cluster refuses this for now: %s → %s', (from, to, paths) => {
  expect(diff(from, to).refused.map((refusal) => refusal.path)).toEqual(paths)
})

test('other voters among the machines that are there are taken over without an interruption', () => {
  const { changes, refused } = diffConfiguration(
    configurationOf(servers(5, false)),
    configurationOf(servers(5, false, 'voters: [s1, s2, s3]')),
  )
  expect(changes.map(({ path }) => path)).toEqual(['voters'])
  expect(refused).toEqual([])
})

test('a machine that votes cannot go before another votes in its place', () => {
  const [refusal] = diffConfiguration(configurationOf(servers(5, false)), configurationOf(servers(3, false))).refused
  expect(refusal?.because).toBe('s4, s5 would go while they vote')
  expect(refusal?.remedy).toContain('first list other voters')
})

test('a server that does not vote can be added to a running cluster', () => {
  const voters = 'voters: [s1, s2, s3]'
  const before = configurationOf(servers(4, false, voters))
  const { changes, refused } = diffConfiguration(before, configurationOf(servers(5, false, voters)))
  expect(refused).toEqual([])
  expect(changes.map(({ path }) => path)).toEqual(['servers.s5', 'serverOrder'])
})
