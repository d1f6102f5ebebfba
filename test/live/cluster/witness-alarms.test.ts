/** A witness puts nothing on the log: what is wrong with it, it tells its own alert targets. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '../lab/until.ts'
import { settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'

clusterTest('a witness tells of its dead log server, of a lost majority and of a lost log', {}, async (cluster) => {
  const file = join(cluster.host('w').stateDirectory, 'log', 'alerts.log')
  const told = (what: string) =>
    until(async () => (await readFile(file, 'utf8').catch(() => '')).includes(what), settleMs, `the alert: ${what}`)
  await cluster.signal('w', 'log server', 'SIGKILL')
  await told('Process log-server of witness w has died.')
  await cluster.waitUntilSettled()
  await cluster.lab.cut({ host: 'w', network: 'both' })
  await told('Witness w hears no majority of the voters any more: it does not hear s1 and s2.')
  await told('Witness w cannot reach the log for ')
  await cluster.lab.heal()
  await told('Witness w hears a majority of the voters again')
  await told('Witness w reaches the log again')
  await cluster.waitUntilSettled()
})
