/** A mirror disk `web.data` between s1 and s2 for specs: what led to it, and what sides claim. */
import { operate } from '../../../src/decisions/operate.ts'
import { type Command, type Event, mirrorName, type ServerName } from '../../../src/events/index.ts'
import type { State } from '../../../src/projections/state.ts'
import { fact } from '../../recorded-log.ts'
import type { Given } from '../spec.ts'
import { ask, assigned, cluster, knows, online, s1, stopped, stopping } from './demo.ts'

export const id = '0123456789abcdef0123456789abcdef'
export const [g0, g1, g2] = ['a', 'b', 'c'].map((digit) => digit.repeat(16)) as [string, string, string]
export const mirror = 'web.data'

const resources = (more: object) => ({
  data: {
    type: 'md',
    dataPartition: '/dev/d1',
    clusterPartition: '/dev/d2',
    mountPoint: '/data',
    port: 29_050,
    ...more,
  },
})

/** Commits 1 to 4: web with a mirror disk on s1 and s2; all have joined. */
export const mirrored = (more: object = {}): readonly Given[] =>
  cluster({ web: { servers: ['s1', 's2'], resources: resources(more) }, monitor: { target: { group: 'web' } } })

export const constructed = (initial = 'none', source = 's1', target = 's2'): Event =>
  fact('MirrorConstructed', { mirror, id, source, target, initial, generation: g0, because: 'first' })
export const broken = (current: string, stale: string, generation: string, epoch: number): Event =>
  fact('MirrorBroken', { mirror, current, stale, generation, epoch, because: `${stale} is gone` })
export const joinedAs = (source: string, target: string, generation: string, epoch: number): Event =>
  fact('MirrorJoined', { mirror, source, target, generation, epoch })
export const written = (
  server: string,
  epoch: number,
  runs: readonly object[],
  covered?: 'yes' | 'open' | 'by-bitmap',
): Event => {
  const told = { mirror, server, generation: g0, epoch, runs, saves: {} }
  return fact('MirrorDirtyRecorded', covered === undefined ? told : { ...told, covered })
}

export const resyncStarted = fact('MirrorResyncStarted', {
  mirror,
  source: 's1',
  target: 's2',
  epoch: 8,
  copy: 'differences',
  totalBytes: 1000,
})
/** Of 1000 bytes. */
export const progressed = (doneBytes: number): Event =>
  fact('MirrorResyncProgressed', { mirror, target: 's2', doneBytes, totalBytes: 1000, elapsedMs: 500 })
/** An order that is open. */
export const ordered = (order: string, server = 's1'): Event => fact('MirrorOrdered', { mirror, server, order })

export const claims = (server: string, more: object = {}) => ({
  mirror,
  server,
  id,
  generation: g0,
  pending: null,
  base: null,
  epoch: 0,
  role: 'idle',
  isConsistent: true,
  boot: `${server}-boot-1`,
  isSameBoot: true,
  session: 'one',
  saves: null,
  dataBytes: 1_048_576,
  because: '',
  ...more,
})
export const sideSeen = (server: string, more: object = {}): Event => fact('MirrorSideSeen', claims(server, more))

/** Commits 5 to 10: constructed, both shown, web online on s1 under epoch 8, joined under it. */
export const paired: readonly Given[] = [
  ...mirrored(),
  constructed(),
  sideSeen('s1'),
  sideSeen('s2'),
  assigned('web', 's1'),
  online('web', 8),
  joinedAs('s1', 's2', g0, 8),
]
/** Commit 11: s1 goes on alone with generation g1. */
export const alone: readonly Given[] = [...paired, broken('s1', 's2', g1, 8)]

/** Commits 12 and 13, after `alone`; 11 and 12 after `paired`. */
export const stop = [stopping('web', 8, 'GROUPSTOP'), stopped('web', 8)] as const

/** A command on this mirror. */
export const of = (verb: string, more: object = {}): Command =>
  ({ do: verb, mirror: mirrorName('web', 'data'), ...more }) as unknown as Command
/** An operator asks for it. */
export const asking =
  (command: Command, facts = knows(s1)) =>
  (state: State) =>
    operate(state, ask(command), facts)

export const asServer = (name: string): ServerName => name as ServerName
