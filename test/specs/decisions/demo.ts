/** Three servers and two voters besides for specs of decisions: what led to it, facts, and what deciders know. */
import type { Facts } from '../../../src/decisions/decision.ts'
import type { Observed, ObservedResource } from '../../../src/decisions/plan.ts'
import {
  type Command,
  type Epoch,
  type Event,
  type GroupName,
  groupName,
  instant,
  operationId,
  resourceName,
  type ServerName,
  sequence,
  serverName,
  voterName,
} from '../../../src/events/index.ts'
import { fact } from '../../recorded-log.ts'
import type { Expected, Given } from '../spec.ts'

export const [s1, s2, s3] = ['s1', 's2', 's3'].map(serverName) as [ServerName, ServerName, ServerName]
export const [web, db] = ['web', 'db'].map(groupName) as [GroupName, GroupName]

const voterAt = (name: string, host: number) => ({ name, addresses: { lan: `10.0.0.${host}` } })
const resources = {
  address: { type: 'exec', start: 'address' },
  httpd: { type: 'exec', start: 'httpd', after: ['address'] },
}
const monitor = { type: 'genw', script: 'look', target: { group: 'web', resource: 'httpd' } }

/** `web` on s1, s2, s3 with `httpd` after `address`; `db` the same with one resource. As it is in force at sequence 1. */
export const configuredAs = (changes: {
  readonly web?: object
  readonly db?: object
  readonly monitor?: object
  readonly cluster?: object
}): Event =>
  fact('ConfigurationApplied', {
    version: 1,
    configuration: {
      cluster: 'demo',
      servers: [voterAt('s1', 1), voterAt('s2', 2), voterAt('s3', 3)],
      groups: {
        web: { servers: ['s1', 's2', 's3'], resources, ...changes.web },
        db: {
          servers: ['s1', 's2', 's3'],
          startup: 'manual',
          resources: { store: { type: 'exec', start: 'store' } },
          ...changes.db,
        },
      },
      monitors: { look: { ...monitor, ...changes.monitor } },
      ...changes.cluster,
    },
    source: 'cluster: demo',
    note: '',
  })

export const joined = (server: string, boot = `${server}-boot-1`): Event =>
  fact('ServerJoined', { server, incarnation: 1, boot, heardBy: ['s1', 's2', 's3'] })

/** Commits 1 to 4: created and configured; s1, s2 and s3 joined with generations 2, 3 and 4. */
export const cluster = (changes: Parameters<typeof configuredAs>[0] = {}): readonly Given[] => [
  [fact('ClusterCreated', { cluster: 'demo' }), configuredAs(changes)],
  joined('s1'),
  joined('s2'),
  joined('s3'),
]

export const assigned = (group: string, server: string, reason = 'startup'): Event =>
  fact('GroupAssigned', { group, server, reason, verdicts: [] })
export const online = (group: string, epoch: number): Event =>
  fact('GroupOnline', { group, epoch, durationMs: 1, adopted: false })
export const stopping = (group: string, epoch: number, factor: string, next: string | null = null, reason = 'move') =>
  fact('GroupStopping', { group, epoch, factor, next: next === null ? null : { server: next, reason, verdicts: [] } })
export const stopped = (group: string, epoch: number): Event => fact('GroupStopped', { group, epoch, durationMs: 1 })
export const failed = (group: string, epoch: number, because = 'httpd: no'): Event =>
  fact('GroupFailed', { group, epoch, because })
export const wanted = (group: string, how: 'started' | 'stopped'): Event => fact('GroupWanted', { group, wanted: how })
export const declaredDown = (server: string, generation: number): Event =>
  fact('ServerDeclaredDown', { server, generation, supports: [] })
export const left = (server: string, generation: number): Event =>
  fact('ServerLeft', { server, generation, reason: 'stopped' })
export const ofResource = (type: string, resource: string, epoch: number, more: object = {}): Event =>
  fact(type, { group: resource === 'store' ? 'db' : 'web', resource, epoch, ...more })
export const activated = (resource: string, epoch: number): Event =>
  ofResource('ResourceActivated', resource, epoch, { attempt: 1, durationMs: 1, adopted: false })
export const activationFailed = (resource: string, epoch: number, because = 'no'): Event =>
  ofResource('ActivationFailed', resource, epoch, { attempt: 1, durationMs: 1, because, stalled: false })
export const verdict = (server: string, how: string, name = 'look'): Event =>
  fact('MonitorVerdictChanged', { monitor: name, server, verdict: how, because: 'seen', elapsedMs: 1, starved: false })
export const cutOff = (server: string): Event => fact('PingTargetsLost', { server, targets: ['10.0.0.254'] })

/** Expected, with the fields that matter. */
export const that = (type: Event['type'], data: Readonly<Record<string, unknown>> = {}): Expected => ({ type, data })

/** web is online on s1 under epoch 5. */
export const webOnS1: readonly Given[] = [assigned('web', 's1'), online('web', 5)]

export const everybody: ReadonlySet<string> = new Set(['s1', 's2', 's3'])

/** What `me` knows: whom it hears, and who supports whose removal. */
export const knows = (
  me: ServerName,
  more: { readonly hears?: readonly string[]; readonly supports?: Readonly<Record<string, readonly string[]>> } = {},
): Facts => ({
  me,
  now: instant(1_000_000),
  reachable: more.hears ? new Set([me, ...more.hears]) : everybody,
  supporters: (server) => (more.supports?.[server] ?? []).map((one) => ({ voter: voterName(one), reason: 'silent' })),
  majority: 2,
})

export const epoch = (n: number): Epoch => n as Epoch

export const seen = (
  resource: string,
  condition: ObservedResource['condition'],
  more: Partial<ObservedResource> & { readonly epochIs?: number; readonly readTo?: number } = {},
): ObservedResource => ({
  group: resource === 'store' ? db : web,
  resource: resourceName(resource),
  epoch: epoch(more.epochIs ?? 5),
  condition,
  since: sequence(more.readTo ?? 5),
  after: resource === 'httpd' ? ['address'] : [],
  adopted: false,
  lost: more.lost ?? null,
  ...(more.adopted === undefined ? {} : { adopted: more.adopted }),
})
export const bothUp: Observed = [seen('address', 'on'), seen('httpd', 'on')]

export const ask = (command: Command, stores: Readonly<Record<string, string>> = {}) => ({
  operation: operationId('o1'),
  command,
  from: voterName('s1'),
  stores,
})

/** s1 is to be proven off, by s2. */
export const fencingRequested: Event = fact('FencingRequested', {
  server: 's1',
  generation: 2,
  groups: ['web'],
  executor: 's2',
  because: 'policy',
})
