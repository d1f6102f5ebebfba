/**
 * Agent, guardian, or both hang or are killed: what runs is ended, or goes on guarded. How long it took is said, to be held
 * against R; it is not judged, since this machine is shared and slow.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { resumeStateDisk, stallStateDisk } from '../lab/state-disks.ts'
import { now, until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { calm, floating } from './configuration.ts'
import { pidsWith } from './voter-processes.ts'

describe('lease end to off, in ms, when', () => {
  clusterTest('the agent hangs (SIGSTOP)', { timing: calm }, async (cluster, context) => {
    await settled(cluster)
    const lease = await leaseEnd(cluster)
    await cluster.signal('s1', 'agent', 'SIGSTOP')
    const offMs = (await offAt(cluster)) - lease
    await until(() => saidBy(cluster).includes('everything is off'), settleMs, 'the guardian to say so')
    await context.annotate(`off ${offMs.toFixed(0)} ms after the lease's end; guardian: ${saidBy(cluster)}`)
    await cluster.waitUntilSettled()
  })

  clusterTest('the agent is killed and does not come back', { timing: calm }, async (cluster, context) => {
    await settled(cluster)
    const lease = await leaseEnd(cluster)
    // With its guardian's --respawn it would be back before the lease ends: it is stopped as soon as it is born.
    const pid = await cluster.signal('s1', 'agent', 'SIGKILL')
    const next = await cluster.waitForAnother('s1', 'agent', pid)
    process.kill(next, 'SIGSTOP')
    const offMs = (await offAt(cluster)) - lease
    await context.annotate(`off ${offMs.toFixed(0)} ms after the lease's end; guardian: ${saidBy(cluster)}`)
    await cluster.waitUntilSettled()
  })

  clusterTest(
    'agent and guardian are killed, and a service manager starts the agent again',
    { timing: calm },
    async (cluster, context) => {
      await settled(cluster)
      const agent = await cluster.pid('s1', 'agent')
      const guardian = await cluster.pid('s1', 'guardian')
      const lease = await leaseEnd(cluster)
      const [service] = await pidsWith(cluster.host('s1'), isService)
      process.kill(guardian, 'SIGKILL')
      process.kill(agent, 'SIGKILL')
      await cluster.startAgent('s1')
      await until(() => !existsSync(`/proc/${service}`), settleMs, 'what nobody guarded to be off')
      const offMs = now() - lease
      await context.annotate(`off ${offMs.toFixed(0)} ms after the lease's end, by the next agent`)
      await cluster.waitUntilSettled()
      const deaths = async () => (await cluster.events('OwnProcessDied')).map(({ data }) => data.process)
      await until(async () => (await deaths()).length >= 2, settleMs, 'both deaths to be on the log')
      expect((await deaths()).toSorted()).toEqual(['agent', 'guardian'])
    },
  )
})

describe('everything is off, and agent and guardian are back, when', () => {
  clusterTest(
    'the guardian hangs, the agent is killed and started again',
    { timing: calm },
    async (cluster, context) => {
      await settled(cluster)
      const guardian = await cluster.signal('s1', 'guardian', 'SIGSTOP')
      const lease = await leaseEnd(cluster)
      const agent = await cluster.signal('s1', 'agent', 'SIGKILL')
      await cluster.startAgent('s1')
      const offMs = (await offAt(cluster)) - lease
      await context.annotate(`off ${offMs.toFixed(0)} ms after the lease's end`)
      await until(() => !existsSync(`/proc/${guardian}`), settleMs, 'the hung guardian to be ended')
      await cluster.waitForAnother('s1', 'agent', agent)
      await cluster.waitForAnother('s1', 'guardian', guardian)
      await cluster.waitUntilSettled()
    },
  )

  clusterTest(
    'the agent hangs, the guardian is killed and started again',
    { timing: calm },
    async (cluster, context) => {
      await settled(cluster)
      const lease = await leaseEnd(cluster)
      const agent = await cluster.signal('s1', 'agent', 'SIGSTOP')
      await cluster.signal('s1', 'guardian', 'SIGKILL')
      await cluster.startGuardian('s1')
      const offMs = (await offAt(cluster)) - lease
      await context.annotate(`off ${offMs.toFixed(0)} ms after the lease's end`)
      await until(() => !existsSync(`/proc/${agent}`), settleMs, 'the hung agent to be ended')
      await cluster.waitForAnother('s1', 'agent', agent)
      await cluster.waitUntilSettled()
    },
  )

  clusterTest('both are killed, and only the guardian is started again', { timing: calm }, async (cluster, context) => {
    await settled(cluster)
    const lease = await leaseEnd(cluster)
    const agent = await cluster.pid('s1', 'agent')
    await cluster.signal('s1', 'guardian', 'SIGKILL')
    process.kill(agent, 'SIGKILL')
    await cluster.startGuardian('s1')
    const offMs = (await offAt(cluster)) - lease
    await context.annotate(`off ${offMs.toFixed(0)} ms after the lease's end`)
    await cluster.waitForAnother('s1', 'agent', agent)
    await cluster.waitUntilSettled()
  })
})

describe('a disk of the state that stands still', () => {
  clusterTest(
    'beside an agent that is killed keeps no address: the other server has it',
    { timing: calm, hasStateDisks: true, needs: ['losetup', 'mkfs.ext4'] },
    async (cluster, context) => {
      await settled(cluster)
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await stallStateDisk(cluster.host('s1'))
      try {
        const lease = await leaseEnd(cluster)
        await cluster.signal('s1', 'agent', 'SIGKILL')
        const offMs = (await offAt(cluster)) - lease
        await watch.waitFor('s2', settleMs)
        expect(await cluster.host('s1').ok(['ip', '-o', 'address'])).not.toContain(`${floating}/`)
        await context.annotate(`off ${offMs.toFixed(0)} ms after the lease's end`)
      } finally {
        await resumeStateDisk(cluster.host('s1'))
      }
      await cluster.waitUntilSettled()
      await cluster.waitUntilOnline('web', 's2')
    },
  )
})

describe('a guardian that hangs (SIGSTOP)', () => {
  clusterTest('is replaced by its agent, and no client notices', { timing: calm }, async (cluster, context) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    const began = now()
    const pid = await cluster.signal('s1', 'guardian', 'SIGSTOP')
    await until(() => !existsSync(`/proc/${pid}`), settleMs, 'the hung guardian to be ended')
    const endedMs = now() - began
    await cluster.waitForAnother('s1', 'guardian', pid)
    await until(async () => (await cluster.status('s1')).guardian.running, settleMs, 'a guardian that answers')
    await context.annotate(`ended after ${endedMs.toFixed(0)} ms, replaced after ${(now() - began).toFixed(0)} ms`)
    await cluster.waitUntilSettled()
    expect(watch.lives()).toHaveLength(1)
  })
})

const settled = async (cluster: Cluster): Promise<void> => {
  await cluster.waitUntilOnline('web', 's1')
  await cluster.waitUntilSettled()
  // What was taken down behind the log's back is online there until its server has looked.
  const isUp = async () => (await pidsWith(cluster.host('s1'), isService)).length > 0
  await until(isUp, settleMs, 'the service on s1 to run')
}

/** When the lease that the agent holds now would end, were it not renewed: the latest, seen from here. */
const leaseEnd = async (cluster: Cluster): Promise<number> => {
  const { lease } = await cluster.status('s1')
  expect(lease.held).toBe(true)
  return now() + lease.remainingMs
}

const isService = (line: string): boolean => line.includes('banner-server.pl')

/** When the service's process on s1 was gone. */
const offAt = async (cluster: Cluster): Promise<number> => {
  const gone = async () => (await pidsWith(cluster.host('s1'), isService)).length === 0
  await until(gone, settleMs, 'the service on s1 to be off')
  return now()
}

/** What the guardian of s1 said, and when. */
const saidBy = (cluster: Cluster): string => {
  const lines = readFileSync(join(cluster.host('s1').stateDirectory, 'log', 'guardian.log'), 'utf8')
    .trim()
    .split('\n')
  return lines
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>)
    .map(({ msg, tookMs, afterLeaseMs }) =>
      afterLeaseMs === undefined ? msg : `${msg} ${afterLeaseMs} ms (took ${tookMs} ms)`,
    )
    .join('; ')
}
