import { expect, test } from 'vitest'
import { inequalityOf, nearestSafe } from '../../../src/decisions/configuration-liveness-rule.ts'
import { networksOf, portsOf, votingMembersOf } from '../../../src/events/index.ts'
import { configurationOf, group, problemsOf, servers, two, web } from './samples.ts'

const voterNames = (text: string) => votingMembersOf(configurationOf(text)).map(({ name }) => name)

test('the voters are the servers, and the witness when that makes them odd', () => {
  expect(voterNames(servers(1, false))).toEqual(['s1'])
  expect(voterNames(servers(2, true))).toEqual(['s1', 's2', 'w'])
  expect(voterNames(servers(3, false))).toEqual(['s1', 's2', 's3'])
  expect(voterNames(servers(4, true))).toEqual(['s1', 's2', 's3', 's4', 'w'])
  expect(voterNames(servers(4, false, 'voters: [s3, s1, s2]'))).toEqual(['s1', 's2', 's3'])
})

test.each([
  [servers(2, false), 'two servers without a witness', 'add a witness, or a third server'],
  [servers(2, false, 'voters: [s1]'), 'two servers without a witness', 'add a witness'],
  [servers(4, false), '4 servers are an even number of voters', 'add a witness, or list 3 of them as voters'],
  [servers(7, false), '7 servers are too many voters', 'list 3 or 5 of them as voters'],
  [servers(3, true), 'warning: witness: the witness has no vote', 'remove it, or list the voters'],
  [servers(3, false, 'voters: [s1, s2]'), 'voters: 2 voters: there must be 1, 3 or 5', ''],
  [servers(3, false, 'voters: [s1, s2, s4]'), 'voters[2]: there is no server s4', 'did you mean'],
  [servers(3, false, 'voters: [s1, s2, s2]'), 'voters[2]: s2 stands here twice', ''],
  [servers(3, false, 'voters: [s1]'), 'warning: voters: when s1 is down, every other server loses its lease', ''],
])('voters must be odd and more than one where more than one server is: %#', (text, message, remedy) => {
  const problems = problemsOf(text).join('\n')
  expect(problems).toContain(message)
  expect(problems).toContain(remedy)
})

const pings = 'topology: pair\nnpResolution: { ping: { targets: [10.0.0.9], interval: 500ms } }'
test.each([
  [servers(2, false, pings), '', ''],
  [servers(2, false, 'topology: pair'), 'a pair without ping, http or disk', 'add ping targets'],
  [servers(2, false, 'topology: pair\nnpResolution: { com: true, majority: true }'), 'a pair without ping', ''],
  [servers(3, false, pings), 'topology: a pair is two servers, and here are 3', 'remove topology'],
  [servers(2, true, pings), 'witness: a pair has no witness', 'with the witness it is a quorum'],
  [servers(2, false, `voters: [s1]\n${pings}`), 'voters: in a pair both servers vote', 'remove it'],
  [
    servers(2, false, pings.replace('500ms', '2s')),
    'npResolution.ping: answers come too late: interval and timeout together must be less than T − R (2000 ms)',
    'shorten them, or raise heartbeat.timeout',
  ],
  [
    servers(2, false, pings.replace('ping:', 'rule: all, com: true, ping:')),
    'npResolution.rule: with all, majority and com never say connected',
    'remove them, or say any',
  ],
  [
    servers(2, false, pings.replace('ping:', 'bmc: true, ping:')),
    'npResolution.bmc: controllers answer on both sides of a cut of the networks',
    'remove it, or say rule: all',
  ],
])('a pair is two servers, and something that tells a lost peer from a cut: %#', (text, message, remedy) => {
  const problems = problemsOf(text).join('\n')
  if (message === '') expect(problems).toBe('')
  expect(problems).toContain(message)
  expect(problems).toContain(remedy)
})

test.each([
  ['name: beta', 'name: alpha', 'servers[1].name: there is a server alpha already'],
  ['lan: 10.0.0.2', 'lan: 10.0.0.1', 'servers[1].addresses.lan: 10.0.0.1 is in use already: udp 29002 of alpha'],
  ['lan: 10.0.0.2', 'lan: 224.0.0.1', '"224.0.0.1" is not the address of one host'],
  ['lan: 10.0.0.2', 'lann: 10.0.0.2', 'only beta has the network lann; did you mean "lan"?'],
  ['lan: 10.0.0.2', 'lann: 10.0.0.2', 'beta has no address on lan, the interconnect; add lan:'],
  ['lan: 10.0.0.2 }', 'lan: 10.0.0.2 }, ports: { log: 1, route: 1 }', 'the log and its routes have the same port 1'],
])('servers are told apart by name, address and port: %s → %s', (from, to, message) => {
  expect(problemsOf(web.replace(from, to)).join('\n')).toContain(message)
})

test('what is wrong in one place for every server is said once', () => {
  expect(problemsOf(`${two}ports: { log: 29011 }\n`).filter((one) => one.includes('have the same port'))).toHaveLength(
    1,
  )
})

test('voters on one address are told apart by ports of their own', () => {
  const one = (n: number) => `addresses: { lan: 127.0.0.1 }, ports: { heartbeat: ${n}1, log: ${n}2, route: ${n}3 } }`
  const text = web
    .replace('addresses: { lan: 10.0.0.1 } }', one(1))
    .replace('addresses: { lan: 10.0.0.2 } }', one(2))
    .replace('addresses: { lan: 10.0.0.3 } }', one(3))
  expect(problemsOf(text)).toEqual([])
  const configuration = configurationOf(text)
  expect(configuration.servers.map((server) => portsOf(configuration, server).log)).toEqual([12, 22])
  expect(networksOf(configuration)).toEqual(['lan'])
})

test('a release budget that is too short is refused with the numbers and the nearest that is not', () => {
  expect(problemsOf(`${web}heartbeat: { timeout: 3s, release: 900ms }`)).toEqual([
    'c.yaml:11:36 heartbeat.release: 900ms is too short to be provably off; it takes 918ms: stop 800ms + 2 × 2 % × timeout 3s / (1 + 2 %); raise heartbeat.release to 920ms',
  ])
})

test('a lease that does not outlast lost beats is refused with the numbers and what to raise', () => {
  expect(problemsOf(`${web}heartbeat: { timeout: 2s }`)).toEqual([
    'c.yaml:11:23 heartbeat.timeout: timeout − release = 1s, which must be more than 1440ms: 2 × delay 20ms + (2 + 2) × interval 300ms + stall 200ms; raise heartbeat.timeout to 2450ms',
  ])
  expect(problemsOf(`${web}heartbeat: { timeout: 4s, release: 3s }`).join()).toContain(
    'raise heartbeat.timeout to 4450ms, or lower heartbeat.release to 960ms',
  )
})

test('what is proposed instead satisfies the inequality', () => {
  const { heartbeat } = configurationOf(web)
  const bad = { ...heartbeat, timeout: 1000, release: 100, clockRateError: 20 }
  expect(inequalityOf({ ...bad, ...nearestSafe(bad) }).holds).toBe(true)
  expect(nearestSafe(heartbeat)).toEqual({ timeout: heartbeat.timeout, release: heartbeat.release })
})

test('a cycle of dependencies is printed', () => {
  const text =
    two +
    group(
      ...['a b', 'b c', 'c a', 'd a'].map((pair) => {
        const [name, other] = pair.split(' ')
        return `${name}: { type: exec, start: x, after: [${other}] }`
      }),
    )
  expect(problemsOf(text)).toEqual([
    'c.yaml:10:34 groups.web.resources.a.after: each of these waits for the next: a → b → c → a; remove one of these dependencies',
  ])
})

test.each([
  ['[alpha, bete]', 'groups.web.servers[1]: there is no server bete; did you mean "beta"?'],
  ['[alpha, gamma]', 'groups.web.servers[1]: gamma is the witness, which runs no groups'],
  ['[alpha, alpha]', 'groups.web.servers[1]: alpha stands here twice'],
  ['[alpha]', 'warning: groups.web.servers: the group can run on alpha only: it cannot fail over; add a server'],
  ['[alpha]\n    exclusion: absolute', 'warning: groups.web.exclusion: with one server'],
  ['[alpha, beta]\n    failback: auto\n    failover: manual', 'warning: groups.web.failback: the group returns home'],
])('a group may run on the servers there are: %s', (list, message) => {
  expect(problemsOf(web.replace('[alpha, beta]', list)).join('\n')).toContain(message)
})

const fip = (address: string, more = '') => `{ type: fip, address: "${address}"${more} }`
const disk = (device: string, mountPoint: string, more = '') =>
  `{ type: disk, device: ${device}, mountPoint: ${mountPoint}${more} }`

test.each([
  [[`a: ${fip('10.0.0.100')}`, `b: ${fip('10.0.0.100/24')}`], 'is the floating address of web.a already'],
  [[`a: ${fip('fd00::1')}`, `b: ${fip('fd00:0:0::0:1/64')}`], 'is the floating address of web.a already'],
  [[`a: ${fip('10.0.0.2')}`], "10.0.0.2 is beta's own address"],
  [[`a: ${fip('10.0.9.1')}`], 'warning: groups.web.resources.a.address: no server has an address in the same /24'],
  [[`a: ${disk('/dev/sdb', '/a')}`, `b: ${disk('/dev//sdb', '/b')}`], '/dev//sdb is the device of web.a already'],
  [[`a: ${disk('/dev/sdb', '/a')}`, `b: ${disk('/dev/sdc', '/a/')}`], '/a/ is the mount point of web.a already'],
  [[`a: ${disk('/dev/sdb', '/a')}`, `b: ${disk('/dev/sdc', '/a/b')}`], 'warning: groups.web.resources.b.mountPoint'],
  [[`a: ${disk('/dev/sdb', '/')}`], '/ is a directory of the system'],
  [[`a: ${disk('/dev/sdb', '/var/lib/')}`], '/var/lib/ is a directory of the system'],
  [[`a: ${disk('/dev/sdb', '/srv/../etc')}`], '/srv/../etc goes by . or ..'],
  [['a: { type: service, unit: x }', 'b: { type: service, unit: x }'], 'x is the unit of web.a already'],
  [['a: { type: exec, start: x, after: [b] }'], 'a.after[0]: there is no resource b in this group'],
])('resources do not lay hands on the same thing: %#', (resources, message) => {
  expect(problemsOf(two + group(...resources)).join('\n')).toContain(message)
})

test.each([
  [[`a: ${fip('10.0.9.1/16')}`]],
  [[`a: ${fip('10.0.9.1', ', nic: eth1')}`]],
  [[`a: ${disk('/dev/sdb', '/a')}`, `b: ${disk('/dev/sdc', '/a/b', ', after: [a]')}`]],
])('nothing is said of what is right: %#', (resources) => {
  expect(problemsOf(two + group(...resources))).toEqual([])
})

test('two groups may use one mount point when they are never together', () => {
  const one = (name: string, device: string, exclusion: string) =>
    `  ${name}: { servers: [alpha, beta], exclusion: ${exclusion}, resources: { d: ${disk(device, '/srv')} } }\n`
  const both = (exclusion: string) =>
    `${two}groups:\n${one('a', '/dev/sdb', exclusion)}${one('b', '/dev/sdc', exclusion)}`
  expect(problemsOf(both('absolute'))).toEqual([])
  expect(problemsOf(both('normal')).join()).toContain('/srv is the mount point of a.d already')
})

const monitors = (line: string) => `${web}      vip: ${fip('10.0.0.100')}\nmonitors:\n  m: { ${line} }`

test.each([
  ['type: pidw', 'monitors.m.target: a pidw needs the exec resource that it watches'],
  ['type: pidw, target: { group: web }', 'a pidw watches one exec resource, not a group; add resource: app'],
  ['type: pidw, target: { group: web, resource: vip }', 'vip is no exec resource'],
  ['type: pidw, target: { group: web, resource: ap }', 'the group web has no resource ap; did you mean "app"?'],
  ['type: pidw, target: { group: wbe, resource: app }', 'there is no group wbe; did you mean "web"?'],
  [
    'type: pidw, when: always, target: { group: web, resource: app }',
    'can only be watched while its resource is active',
  ],
  ['type: miiw, nic: eth0, when: active', 'monitors.m.when: while active'],
  ['type: miiw, nic: eth0, recovery: { on: group }', 'monitors.m.recovery.on: recovery on a group'],
  ['type: miiw, nic: eth0', 'warning: monitors.m: without a target an error is recorded and alerted'],
  ['type: miiw, nic: eth0, target: { group: web }, recovery: { on: resource }', 'recovery acts on the whole group web'],
  ['type: miiw, nic: eth0, target: { group: web }, timeout: 1m', 'lower timeout to 10s, or raise interval to 1m'],
  ['type: miiw, nic: eth0, target: { group: web }, servers: [gamma]', 'servers[0]: there is no server gamma'],
])('a monitor watches something, and its recovery reaches something: %s', (line, message) => {
  expect(problemsOf(monitors(line)).join('\n')).toContain(message)
})

test('a ping target that belongs to the cluster is a warning', () => {
  expect(problemsOf(`${web}npResolution: { ping: { targets: [10.0.0.2] } }`)).toEqual([
    "c.yaml:11:35 warning: npResolution.ping.targets[0]: 10.0.0.2 is beta's own address: that it answers says nothing about the network; name a gateway or a switch",
  ])
})

test('a management group holds nothing but floating addresses', () => {
  const managed = (resource: string) =>
    problemsOf(web.replace('  web:\n', '  web:\n    kind: management\n').replace(/app:.*/, resource))
  expect(managed('app: { type: fip, address: 10.0.0.100/24 }')).toEqual([])
  expect(managed('app: { type: exec, start: sleep 1000 }').join('\n')).toContain(
    'groups.web.resources.app.type: a management group holds floating addresses (fip) alone, no exec; put app into a failover group',
  )
})
