/** One process of the product, or the guarded one, dies or hangs; the computer stays. */
import { existsSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { until } from '../lab/until.ts'
import { settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { calm, patient } from './configuration.ts'
import { pidsWith } from './voter-processes.ts'

describe('the death of', () => {
  clusterTest(
    'an agent interrupts nothing: the next one adopts what runs, and none starts beside another',
    { timing: patient },
    async (cluster) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      const before = await cluster.ownership('web')
      for (const voter of ['s1', 'w']) {
        const { code, stderr } = await cluster.runAnotherAgent(voter)
        expect({ code, stderr }).toEqual({
          code: 1,
          stderr: expect.stringMatching(`${voter} runs already, as process \\d+`),
        })
      }
      const pid = await cluster.signal('s1', 'agent', 'SIGKILL')
      await cluster.waitForAnother('s1', 'agent', pid)
      await cluster.waitUntilSettled()
      await watch.waitFor('s1', settleMs)
      expect(await cluster.ownership('web', 's1')).toMatchObject({ epoch: epochOf(before), phase: 'online' })
      expect(watch.lives()).toHaveLength(1)
    },
  )

  clusterTest('a log server, or of a guardian, interrupts nothing', { timing: patient }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    for (const role of ['guardian', 'log server'] as const)
      for (const server of cluster.servers) {
        const pid = await cluster.signal(server, role, 'SIGKILL')
        await cluster.waitForAnother(server, role, pid)
        await cluster.waitUntilSettled()
      }
    await until(async () => (await cluster.status('s1')).guardian.running, settleMs, 'the guardian to be reached')
    expect(watch.lives()).toHaveLength(1)
  })

  clusterTest('the guarded process is noticed, and it is started again', {}, async (cluster, context) => {
    const watch = await cluster.watch()
    const { banner } = await watch.waitFor('s1', settleMs)
    const [pid = 0] = await pidsWith(cluster.host('s1'), (line) => line.includes('banner-server.pl'))
    process.kill(pid, 'SIGKILL')
    await watch.waitFor(({ instance }) => instance !== banner.instance, settleMs)
    await context.annotate(`clients waited ${watch.longestSilence().toFixed(0)} ms`)
    expect(watch.longestSilence()).toBeLessThan(5000)
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s1')
    expect(await cluster.events('ResourceRestartOrdered')).toHaveLength(1)
  })
})

describe('guardians that are killed', () => {
  clusterTest('again and again, before they are reached, are replaced', { timing: calm }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    let pid = await cluster.signal('s1', 'guardian', 'SIGKILL')
    for (let kill = 0; kill < 5; kill++) {
      pid = await cluster.waitForAnother('s1', 'guardian', pid)
      process.kill(pid, 'SIGKILL')
    }
    await cluster.waitForAnother('s1', 'guardian', pid)
    await until(async () => (await cluster.status('s1')).guardian.running, settleMs, 'the guardian to be reached')
    await cluster.waitUntilSettled()
    expect(watch.lives()).toHaveLength(1)
  })
})

describe('an agent that hangs', () => {
  clusterTest('is ended by its guardian, which stops the groups in time', {}, async (cluster, context) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    const pid = await cluster.signal('s1', 'agent', 'SIGSTOP')
    await watch.waitFor('s2', settleMs)
    await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
    await until(() => !existsSync(`/proc/${pid}`), settleMs, 'the guardian to end the agent')
    await cluster.waitForAnother('s1', 'agent', pid)
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web')).toBe('s2')
    expect(watch.lives()).toHaveLength(2)
  })
})

const epochOf = (ownership: Awaited<ReturnType<Parameters<Parameters<typeof clusterTest>[2]>[0]['ownership']>>) =>
  ownership?.status === 'assigned' ? ownership.epoch : null
