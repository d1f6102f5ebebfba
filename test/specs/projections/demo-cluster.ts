/** A cluster of two servers and a witness for stories: what led to it, and the facts that stories are told of. */
import type { Event } from '../../../src/events/index.ts'
import { fold, initialState, type State } from '../../../src/projections/state.ts'
import { fact, storyOf } from '../../recorded-log.ts'

const addressesOf = (host: number) => ({ public: `10.0.0.${host}`, private: `10.0.1.${host}` })
const group = { servers: ['s1', 's2'], resources: { app: { type: 'exec', start: 'exec app' } } }

export const configuration = {
  cluster: 'demo',
  servers: [
    { name: 's1', addresses: addressesOf(1) },
    { name: 's2', addresses: addressesOf(2) },
  ],
  witness: { name: 'w', addresses: { public: '10.0.0.9' } },
  groups: { web: group, db: { ...group, startup: 'manual' } },
}

export const applied = (changes: object = {}, version = 1): Event =>
  fact('ConfigurationApplied', {
    version,
    configuration: { ...configuration, ...changes },
    source: 'cluster: demo',
    note: 'first',
  })
export const joined = (server: string, boot = `${server}-boot-1`): Event =>
  fact('ServerJoined', { server, incarnation: 1, boot, heardBy: ['s1', 's2', 'w'] })
export const declaredDown = (server: string, generation: number): Event =>
  fact('ServerDeclaredDown', {
    server,
    generation,
    supports: [
      { voter: 's2', reason: 'silent' },
      { voter: 'w', reason: 'renounced' },
    ],
  })
export const left = (server: string, generation: number): Event =>
  fact('ServerLeft', { server, generation, reason: 'stopped' })
export const assigned = (server: string, reason = 'start', group = 'web'): Event =>
  fact('GroupAssigned', { group, server, reason, verdicts: [{ server, fit: 'chosen', because: 'first in order' }] })
export const ofGroup = (type: string, epoch: number, more: object = {}): Event =>
  fact(type, { group: 'web', epoch, ...more })
export const ofApp = (type: string, epoch: number, more: object = {}): Event =>
  ofGroup(type, epoch, { resource: 'app', ...more })
export const online = (epoch: number): Event => ofGroup('GroupOnline', epoch, { durationMs: 1200, adopted: false })
export const stopped = (epoch: number): Event => ofGroup('GroupStopped', epoch, { durationMs: 300 })
export const activated = (epoch: number): Event =>
  ofApp('ResourceActivated', epoch, { attempt: 1, durationMs: 900, adopted: false })
export const activationFailed = (epoch: number, because: string, stalled = false): Event =>
  ofApp('ActivationFailed', epoch, { attempt: 1, durationMs: 500, because, stalled })
export const path = (type: 'PathLost' | 'PathRestored', path: string): Event =>
  fact(type, { server: 's1', peer: 's2', path })
export const verdictIs = (verdict: string, because = 'as found'): Event =>
  fact('MonitorVerdictChanged', { monitor: 'ping', server: 's1', verdict, because, elapsedMs: 20, starved: false })

/** Sequences 1 to 3: created and configured; s1 joined with generation 2, s2 with generation 3. */
export const beginning: readonly (readonly [Event, ...Event[]])[] = [
  [fact('ClusterCreated', { cluster: 'demo' }), applied()],
  [joined('s1')],
  [joined('s2')],
]

/** A log: the beginning, then a commit for each event, from sequence 4 on. */
export const logAfterBeginning = (...events: readonly Event[]) =>
  storyOf([...beginning, ...events.map((event): [Event] => [event])])

/** The state after the beginning and a commit for each event. */
export const stateAfter = (...events: readonly Event[]): State => fold(initialState, logAfterBeginning(...events))
