/** What happens to clusters, written down as their agents would: for golden tests of what people are told about it. */
import type { Author, Sequence } from '../../src/events/index.ts'
import { configuration, HandBuiltLog, type PlainEvent, source } from './hand-built-log.ts'

const s1: Author = 'server:s1'
const s2: Author = 'server:s2'
const root: Author = 'operator:root'

export const firstChoice = [
  { server: 's1', fit: 'chosen' as const, because: 'number 1 of its list' },
  { server: 's2', fit: 'fit' as const, because: 'number 2 of its list' },
]

type Cause = { epoch: Sequence; causedBy: Sequence }

/** The resources of web come up, then the group is online. */
const comesUp = (log: HandBuiltLog, by: Author, { epoch, causedBy }: Cause): void => {
  const step = (afterMs: number, event: PlainEvent) => log.record({ afterMs, by, events: [event], causedBy })
  const address = { group: 'web', resource: 'address', epoch }
  const httpd = { group: 'web', resource: 'httpd', epoch }
  step(12, { type: 'ActivationStarted', data: { ...address, attempt: 1 } })
  step(85, { type: 'ResourceActivated', data: { ...address, attempt: 1, durationMs: 85, adopted: false } })
  step(6, { type: 'ActivationStarted', data: { ...httpd, attempt: 1 } })
  step(640, { type: 'ResourceActivated', data: { ...httpd, attempt: 1, durationMs: 640, adopted: false } })
  step(4, { type: 'GroupOnline', data: { group: 'web', epoch, durationMs: 743, adopted: false } })
}

/** The resources of web go down again, as far as the last is off. */
const goesDown = (log: HandBuiltLog, by: Author, { epoch, causedBy }: Cause): void => {
  for (const [resource, durationMs] of [
    ['httpd', 310],
    ['address', 20],
  ] as const) {
    const which = { group: 'web', resource, epoch }
    log.record({ afterMs: 5, by, causedBy, events: [{ type: 'DeactivationStarted', data: { ...which, attempt: 1 } }] })
    log.record({
      afterMs: durationMs,
      by,
      causedBy,
      events: [{ type: 'ResourceDeactivated', data: { ...which, durationMs } }],
    })
  }
}

type GoingOver = Cause & {
  reason: 'move' | 'failover'
  verdicts: { server: string; fit: 'chosen' | 'unfit'; because: string }[]
}

/** web stops on s1, is given to s2 and comes up there. */
const goesOver = (log: HandBuiltLog, { epoch, causedBy, reason, verdicts }: GoingOver): void => {
  goesDown(log, s1, { epoch, causedBy })
  const next = log.record({
    afterMs: 3,
    by: s1,
    causedBy,
    because: { next: 's2' },
    events: [
      { type: 'GroupStopped', data: { group: 'web', epoch, durationMs: 343 } },
      { type: 'GroupAssigned', data: { group: 'web', server: 's2', reason, verdicts } },
    ],
  })
  comesUp(log, s2, { epoch: next, causedBy: next })
}

/** s1 and s2 are up, web is online on s1; db is to be started by hand. */
export const settled = (): { log: HandBuiltLog; epoch: Sequence } => {
  const log = new HandBuiltLog()
  log.record({
    afterMs: 0,
    by: s1,
    events: [
      { type: 'ClusterCreated', data: { cluster: 'demo' } },
      { type: 'ConfigurationApplied', data: { version: 1, configuration, source, note: 'created' } },
    ],
  })
  for (const server of ['s1', 's2'] as const)
    log.record({
      afterMs: 400,
      by: `server:${server}`,
      events: [
        { type: 'ServerJoined', data: { server, incarnation: 1, boot: `boot-${server}`, heardBy: ['s1', 's2', 'w'] } },
      ],
    })
  const epoch = log.record({
    afterMs: 300,
    by: s1,
    events: [{ type: 'GroupAssigned', data: { group: 'web', server: 's1', reason: 'startup', verdicts: firstChoice } }],
  })
  comesUp(log, s1, { epoch, causedBy: epoch })
  return { log, epoch }
}

/** s1 crashes; w and s2 support its removal; s2 takes over. */
export const crash = (): HandBuiltLog => {
  const { log } = settled()
  log.record({
    afterMs: 3_600_000,
    by: s2,
    events: [{ type: 'PathLost', data: { server: 's2', peer: 's1', path: 'lan:lan' } }],
  })
  const supports = [
    { voter: 'w', reason: 'silent' as const },
    { voter: 's2', reason: 'silent' as const },
  ]
  const epoch = log.record({
    afterMs: 2100,
    by: s2,
    because: { supports, majority: 2, generation: 2 },
    events: [
      { type: 'ServerDeclaredDown', data: { server: 's1', generation: 2, supports } },
      {
        type: 'GroupAssigned',
        data: {
          group: 'web',
          server: 's2',
          reason: 'failover',
          verdicts: [
            { server: 's1', fit: 'unfit', because: 'it is being declared down' },
            { server: 's2', fit: 'chosen', because: 'number 2 of its list' },
          ],
        },
      },
    ],
  })
  comesUp(log, s2, { epoch, causedBy: epoch })
  return log
}

/** s1 crashes and must be proven off; the first attempt fails. With `isFenced` the second does not. */
export const fencedCrash = ({ isFenced }: { readonly isFenced: boolean }): HandBuiltLog => {
  const { log } = settled()
  const supports = [
    { voter: 'w', reason: 'silent' as const },
    { voter: 's2', reason: 'silent' as const },
  ]
  const which = { server: 's1', generation: 2 }
  const request = log.record({
    afterMs: 3_600_000,
    by: s2,
    because: { supports, majority: 2, generation: 2 },
    events: [
      {
        type: 'FencingRequested',
        data: { ...which, groups: ['web'], executor: 's2', because: 'fencing.policy is required' },
      },
      { type: 'ServerDeclaredDown', data: { ...which, supports } },
    ],
  })
  const because = 'level 1: bmc-s1: ipmitool power off did not answer in 8020 ms'
  log.record({
    afterMs: 8100,
    by: s2,
    causedBy: request,
    events: [{ type: 'FencingFailed', data: { ...which, executor: 's2', attempt: 1, because } }],
  })
  if (!isFenced) return log
  const verdicts = [
    { server: 's1', fit: 'unfit' as const, because: 'it is down' },
    { server: 's2', fit: 'chosen' as const, because: 'number 2 of its list' },
  ]
  const epoch = log.record({
    afterMs: 5600,
    by: s2,
    causedBy: request,
    events: [
      { type: 'FencingConfirmed', data: { ...which, by: 's2', level: 1, devices: ['bmc-s1'], ms: 412 } },
      { type: 'GroupAssigned', data: { group: 'web', server: 's2', reason: 'failover', verdicts } },
    ],
  })
  comesUp(log, s2, { epoch, causedBy: epoch })
  return log
}

/** An operator moves web to s2. */
export const plannedMove = (): HandBuiltLog => {
  const { log, epoch } = settled()
  const verdicts = [
    { server: 's1', fit: 'unfit' as const, because: 'it runs there now' },
    { server: 's2', fit: 'chosen' as const, because: 'number 2 of its list' },
  ]
  const requested = log.record({
    afterMs: 60_000,
    by: root,
    because: { verdicts },
    events: [
      {
        type: 'OperationRequested',
        data: { operation: 'op1', command: { do: 'move-group', group: 'web', server: 's2' }, from: 's1' },
      },
      { type: 'GroupWanted', data: { group: 'web', wanted: 'started' } },
      {
        type: 'GroupStopping',
        data: { group: 'web', epoch, factor: 'GROUPMOVE', next: { server: 's2', reason: 'move', verdicts } },
      },
    ],
  })
  goesOver(log, { epoch, causedBy: requested, reason: 'move', verdicts })
  log.record({
    afterMs: 2,
    by: s1,
    causedBy: requested,
    events: [{ type: 'OperationFinished', data: { operation: 'op1', outcome: 'done', detail: 'web is online on s2' } }],
  })
  return log
}

const badVerdict = {
  monitor: 'httpw',
  server: 's1',
  verdict: 'error' as const,
  because: 'exit code 22',
  elapsedMs: 41,
  starved: false,
}

type Which = { readonly group: string; readonly resource: string; readonly epoch: Sequence }

/** httpw sees an error, httpd is restarted, and all is well for a while. */
const restartedByMonitor = (log: HandBuiltLog, httpd: Which, count: number): void => {
  const seen = log.record({ afterMs: 60_000, by: s1, events: [{ type: 'MonitorVerdictChanged', data: badVerdict }] })
  const ordered = log.record({
    afterMs: 8,
    by: s1,
    causedBy: seen,
    because: {
      monitor: 'httpw',
      because: 'exit code 22',
      taken: { script: 0, restart: count - 1, failover: 0, final: 0 },
    },
    events: [
      {
        type: 'RecoveryStarted',
        data: {
          monitor: 'httpw',
          server: 's1',
          group: 'web',
          action: 'restart',
          count,
          limit: 2,
          because: 'exit code 22',
        },
      },
      { type: 'ResourceLost', data: { ...httpd, because: 'exit code 22' } },
      { type: 'ResourceRestartOrdered', data: httpd },
    ],
  })
  log.record({
    afterMs: 210,
    by: s1,
    causedBy: ordered,
    events: [{ type: 'ResourceDeactivated', data: { ...httpd, durationMs: 210 } }],
  })
  log.record({
    afterMs: 590,
    by: s1,
    causedBy: ordered,
    events: [{ type: 'ResourceActivated', data: { ...httpd, attempt: 1, durationMs: 590, adopted: false } }],
  })
  log.record({
    afterMs: 9000,
    by: s1,
    events: [{ type: 'MonitorVerdictChanged', data: { ...badVerdict, verdict: 'normal', because: 'exit code 0' } }],
  })
}

/** The monitor finds httpd broken again and again: two restarts do not help, so web fails over. */
export const ladder = (): HandBuiltLog => {
  const { log, epoch } = settled()
  const httpd = { group: 'web', resource: 'httpd', epoch }
  for (const count of [1, 2]) restartedByMonitor(log, httpd, count)
  const seen = log.record({ afterMs: 20_000, by: s1, events: [{ type: 'MonitorVerdictChanged', data: badVerdict }] })
  const verdicts = [
    { server: 's1', fit: 'unfit' as const, because: 'httpw failed there' },
    { server: 's2', fit: 'chosen' as const, because: 'number 2 of its list' },
  ]
  const stopping = log.record({
    afterMs: 9,
    by: s1,
    causedBy: seen,
    because: { monitor: 'httpw', because: 'exit code 22', taken: { script: 0, restart: 2, failover: 0, final: 0 } },
    events: [
      {
        type: 'RecoveryStarted',
        data: {
          monitor: 'httpw',
          server: 's1',
          group: 'web',
          action: 'failover',
          count: 1,
          limit: 1,
          because: 'exit code 22',
        },
      },
      {
        type: 'GroupStopping',
        data: { group: 'web', epoch, factor: 'GROUPFAILOVER', next: { server: 's2', reason: 'failover', verdicts } },
      },
    ],
  })
  goesOver(log, { epoch, causedBy: stopping, reason: 'failover', verdicts })
  return log
}

/** httpd ends by itself and does not start again; s2 has left, so web is not failed over and stays failed. */
export const suppressedFailover = (): HandBuiltLog => {
  const { log, epoch } = settled()
  log.record({
    afterMs: 5000,
    by: s2,
    events: [{ type: 'ServerLeft', data: { server: 's2', generation: 3, reason: 'stopped' } }],
  })
  const httpd = { group: 'web', resource: 'httpd', epoch }
  const lost = log.record({
    afterMs: 600_000,
    by: s1,
    causedBy: epoch,
    events: [{ type: 'ResourceLost', data: { ...httpd, because: 'process 4711 ended with code 139' } }],
  })
  log.record({
    afterMs: 10,
    by: s1,
    causedBy: lost,
    events: [{ type: 'ActivationStarted', data: { ...httpd, attempt: 1 } }],
  })
  log.record({
    afterMs: 130,
    by: s1,
    causedBy: lost,
    events: [
      {
        type: 'ActivationFailed',
        data: {
          ...httpd,
          attempt: 1,
          durationMs: 130,
          because: 'it ended with code 1: cannot bind to 10.0.0.100:80',
          stalled: false,
        },
      },
    ],
  })
  log.record({
    afterMs: 4,
    by: s1,
    causedBy: epoch,
    because: {
      resource: 'httpd',
      because: 'it ended with code 1: cannot bind to 10.0.0.100:80',
      failovers: 0,
      limit: 1,
    },
    events: [
      {
        type: 'FailoverSuppressed',
        data: {
          group: 'web',
          epoch,
          because: 'no other healthy server',
          verdicts: [
            { server: 's1', fit: 'unfit', because: 'httpd failed there' },
            { server: 's2', fit: 'unfit', because: 'it is stopped' },
          ],
        },
      },
      {
        type: 'GroupFailed',
        data: { group: 'web', epoch, because: 'httpd: it ended with code 1: cannot bind to 10.0.0.100:80' },
      },
    ],
  })
  return log
}

/** An operator asks for db on s2, which is down; nothing is changed. */
export const startRefused = (): HandBuiltLog => {
  const log = crash()
  log.record({
    afterMs: 30_000,
    by: root,
    events: [
      {
        type: 'OperationRequested',
        data: { operation: 'op9', command: { do: 'start-group', group: 'db', server: 's1' }, from: 's2' },
      },
      {
        type: 'OperationRefused',
        data: {
          operation: 'op9',
          because: 'no server can take db: s2: not the server asked for; s1: it is down',
          possible: 'start one of these servers, or name another in the configuration',
        },
      },
    ],
  })
  return log
}
