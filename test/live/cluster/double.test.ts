/** N6: two servers that hold one group see it at the first contact, and the older one stops. */
import { expect } from 'vitest'
import { until } from '../lab/until.ts'
import { settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { banner } from './configuration.ts'

clusterTest(
  'a machine that hung with a group and goes on learns that another one has it, stops it and says so',
  // Without an address: a hung machine's kernel still answers for its own, and nobody takes one that answers.
  { groups: { web: { resources: { app: banner() } } } },
  async (cluster) => {
    await cluster.waitUntilOnline('web', 's1')
    // No watchdog here: this is the case that leases cannot exclude.
    await cluster.host('s1').freeze()
    await cluster.waitUntilOnline('web', 's2', { by: 's2' })
    // The agent alone goes on: its guardian would take the service down before anybody can see it.
    await cluster.signal('s1', 'agent', 'SIGCONT')
    const seen = await until(
      async () => {
        const events = await cluster.events('DoubleActivationSeen', 's2')
        return events.length > 0 ? events : null
      },
      settleMs,
      'the double activation to be told',
    )
    for (const { data } of seen) {
      expect(data).toMatchObject({ group: 'web', winner: { server: 's2' }, loser: { server: 's1' } })
      expect(data.winner.epoch).toBeGreaterThan(data.loser.epoch)
    }
    await cluster.host('s1').thaw()
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web', 's1')).toBe('s2')
    expect((await cluster.host('s1').run(['pgrep', '-f', 'banner-server'])).code).not.toBe(0)
  },
)
