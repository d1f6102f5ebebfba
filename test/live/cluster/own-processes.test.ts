/** F4: our own processes die; it is on the log and told, the services go on, and what is configured follows. */
import { join } from 'node:path'
import { expect } from 'vitest'
import type { Lab } from '../lab/lab.ts'
import { until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { calm } from './configuration.ts'

/** Of one process on one server, as the log has it. */
const deathOf = (cluster: Cluster, server: string, process: string) =>
  until(
    async () =>
      (await cluster.events('OwnProcessDied')).find(
        (one) => one.data.server === server && one.data.process === process,
      ),
    settleMs,
    `the death of the ${process} of ${server} on the log`,
  )

clusterTest(
  'each death is on the log and told as an alert, and no client notices',
  { timing: calm },
  async (cluster) => {
    await cluster.waitUntilOnline('web', 's1')
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    const guardian = await cluster.signal('s1', 'guardian', 'SIGKILL')
    expect((await deathOf(cluster, 's1', 'guardian')).data).toMatchObject({
      because: 'its connection closed',
      count: 1,
    })
    await cluster.waitForAnother('s1', 'guardian', guardian)
    const agent = await cluster.signal('s2', 'agent', 'SIGKILL')
    await cluster.waitForAnother('s2', 'agent', agent)
    await deathOf(cluster, 's2', 'agent')
    await cluster.signal('s2', 'log server', 'SIGKILL')
    expect((await deathOf(cluster, 's2', 'log-server')).data.because).toMatch(/^it ended/)
    await cluster.waitUntilSettled()
    const alerts = await cluster.do('s1', 'alerts')
    for (const what of ['guardian of server s1', 'agent of server s2', 'log-server of server s2'])
      expect(alerts).toContain(`Process ${what} has died.`)
    expect(watch.lives()).toHaveLength(1)
  },
)

clusterTest(
  'what is configured for a death is done, with the reason, once the groups have left',
  {
    timing: calm,
    more: (lab: Lab) => ({
      ownProcesses: { action: 'reboot' },
      finalActions: { reboot: `uname -n >> ${join(lab.directory, 'final')}`, wait: '20s' },
    }),
  },
  async (cluster) => {
    await cluster.waitUntilOnline('web', 's1')
    await cluster.signal('s1', 'guardian', 'SIGKILL')
    const ordered = async () => (await cluster.events('FinalActionOrdered', 's2'))[0]
    expect((await until(ordered, settleMs, 'the final action')).data).toMatchObject({
      server: 's1',
      action: 'reboot',
      because: 'its guardian died once (the limit is 1): its connection closed',
    })
    await cluster.waitUntilOnline('web', 's2', { by: 's2' })
    const note = async () => (await cluster.host('s2').run(['cat', join(cluster.lab.directory, 'final')])).stdout
    await until(async () => (await note()) === 's1\n', settleMs, 'the command to have run on s1')
  },
)
