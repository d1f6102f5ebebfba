import { expect, test } from 'vitest'
import { logServerConfiguration } from '../../../src/agents/log/log-server-configuration.ts'
import { type KitVoter, logServersByWord, logServersOf, type VoterKit } from '../../../src/agents/voter/voter-kit.ts'
import { voterName } from '../../../src/events/ids.ts'

const voter = (name: string, addresses: Record<string, string>, hasLog = true): KitVoter => ({
  name: voterName(name),
  role: 'server',
  hasLog,
  addresses,
  ports: { heartbeat: 29002, log: 29010, route: 29011 },
})

const kitOf = (own: KitVoter, others: readonly KitVoter[]): VoterKit => {
  const nkey = (name: string) => ({ public: `U${name}`, seed: `SU${name}` })
  return {
    directory: '/etc/baton',
    identity: { cluster: 'c1', voter: own.name, voters: [own, ...others] },
    own,
    ca: '',
    certificate: '',
    key: '',
    nkeys: { agent: nkey('AGENT'), reader: nkey('READER'), system: nkey('SYSTEM') },
    clusterKey: new Uint8Array(32),
  }
}

const places = { storeDirectory: '/var/store', logFile: '/var/log', storeBytes: 1000 }
const s1 = voter('s1', { lan: '10.0.0.1', public: '10.1.0.1' })
const s2 = voter('s2', { lan: '10.0.0.2', public: '10.1.0.2' })
const s3 = voter('s3', { public: '10.1.0.3' })
const s4 = voter('s4', { lan: '10.0.0.4' }, false)

const written = (kit: VoterKit) => JSON.parse(logServerConfiguration(kit, places))

test('a voter has one route to each other voter that keeps the log, over the first network both are on', () => {
  const { cluster } = written(kitOf(s1, [s2, s3, s4]))
  expect(cluster.routes).toEqual(['nats-route://10.0.0.2:29011', 'nats-route://10.1.0.3:29011'])
})

test('a single voter is no cluster, which would wait for others', () => {
  expect(written(kitOf(s1, [s4]))).not.toHaveProperty('cluster')
})

test('every commit is on disk before it is acknowledged', () => {
  expect(written(kitOf(s1, [s2, s3])).jetstream.sync_interval).toBe('always')
})

test('no seed of a key is written down', () => {
  expect(logServerConfiguration(kitOf(s1, [s2, s3]), places)).not.toContain('SU')
})

test('an agent asks its own log server first, then the others over the interconnect, then over what else there is', () => {
  expect(logServersOf(kitOf(s1, [s2, s3, s4]))).toEqual([
    '127.0.0.1:29010',
    '10.0.0.2:29010',
    '10.1.0.3:29010',
    '10.1.0.2:29010',
  ])
  expect(logServersOf(kitOf(s4, [s2]))).toEqual(['10.0.0.2:29010', '10.1.0.2:29010'])
})

test('log servers of a cluster answer for each other, those of a pair each for itself', () => {
  const kit = kitOf(s1, [s2])
  expect(logServersByWord(kit)).toEqual([logServersOf(kit)])
  expect(logServersByWord({ ...kit, identity: { ...kit.identity, topology: 'pair' } })).toEqual([
    ['127.0.0.1:29010'],
    ['10.0.0.2:29010', '10.1.0.2:29010'],
  ])
})

test('a demonstration on loopback listens on loopback alone, a cluster on every address', () => {
  const demo = voter('d1', { lan: '127.0.0.1' })
  expect(written(kitOf(demo, [voter('d2', { lan: '127.0.0.1' }), voter('d3', { lan: '127.0.0.1' })]))).toMatchObject({
    listen: '127.0.0.1:29010',
    cluster: { listen: '127.0.0.1:29011' },
  })
  expect(written(kitOf(s1, [s2, s3])).listen).toBe('0.0.0.0:29010')
  expect(written(kitOf(voter('s6', { lan: 'fd00::1' }), [s2, s3])).listen).toBe('[::]:29010')
})
