/** What a joint simulation is of: the mirror's form, and the configuration that follows. */
import type { Event } from '../../../src/events/index.ts'
import { fact } from '../../recorded-log.ts'

export const servers = ['s1', 's2'] as const
export type Name = (typeof servers)[number]
export const otherOf = (name: Name): Name => (name === 's1' ? 's2' : 's1')

export const networks = ['cross', 'lan'] as const

export type JointPlan = {
  readonly blocks: number
  readonly blockBytes: number
  readonly regionBytes: number
  readonly connects: readonly string[]
  readonly writesEvery: readonly [number, number]
  /** Of the writes, this part goes to the first few blocks. */
  readonly often: number
  /** This part of the bursts is a flush. */
  readonly flushes: number
  readonly mode: 'sync' | 'async'
  /** Requests that are begun and not answered: with few of them a writer stands still where it is not answered. */
  readonly mostOpen: number
  /** MiB a second; 0 = any. */
  readonly resyncRate: number
  readonly initial: 'full' | 'none'
  readonly compression: boolean
}

/** The first commit. */
export const configured = (plan: JointPlan): readonly [Event, ...Event[]] => {
  const addresses = (at: number) => ({ lan: `10.0.0.${at}`, cross: `10.1.0.${at}` })
  const data = {
    type: 'md',
    dataPartition: '/dev/data',
    clusterPartition: '/dev/meta',
    mountPoint: '/srv',
    port: 29_050,
    connects: plan.connects,
    blockSize: plan.blockBytes,
    regionSize: plan.regionBytes,
    initial: plan.initial,
    compression: plan.compression,
    encryption: false,
    mode: plan.mode,
    resync: { rate: plan.resyncRate },
    // As little as the configuration takes.
    queueLimit: 1_048_576,
    ackTimeout: 2000,
    keepalive: { interval: 200, timeout: 1500 },
  }
  const configuration = {
    cluster: 'joint',
    servers: [
      { name: 's1', addresses: addresses(1) },
      { name: 's2', addresses: addresses(2) },
    ],
    witness: { name: 'w', addresses: addresses(3) },
    groups: { web: { servers: ['s1', 's2'], resources: { data } } },
  }
  return [
    fact('ClusterCreated', { cluster: 'joint' }),
    fact('ConfigurationApplied', { version: 1, configuration, source: 'cluster: joint', note: '' }),
    fact('StartSyncEnded', { because: 'it is a simulation', missing: [] }),
  ]
}
