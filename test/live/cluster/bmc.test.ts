/** H6: the presence of the other server's management controller, against a real one; evidence, and never hearing. */
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startIpmiSim } from '../lab/ipmi-sim.ts'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { until } from '../lab/until.ts'
import { createCluster, settleMs } from './cluster.ts'
import { checked } from './cluster-test.ts'
import { votersOf } from './configuration.ts'

liveTest(
  'the controller of a lost server tells that its machine is off, and keeps nobody from taking over',
  { needs: ['lab', 'nats-server', 'ipmi'], timeoutMs: 150_000 },
  async () => {
    await using lab = await createLab({ hosts: [...votersOf({}), 'bmc'] })
    const bmc = lab.host('bmc')
    const address = bmc.address.public
    const sim = await startIpmiSim(bmc, { directory: join(lab.directory, 'bmc-of-s1'), address })
    const passwordFile = join(lab.directory, 'bmc-password')
    await writeFile(passwordFile, sim.password)
    await chmod(passwordFile, 0o600)
    const server = (name: string) => ({ name, addresses: lab.host(name).address })
    const cluster = await createCluster(lab, {
      more: {
        servers: [{ ...server('s1'), bmc: { address, device: 'bmc-s1' } }, server('s2')],
        fencing: { devices: { 'bmc-s1': { type: 'ipmi', address, user: sim.user, passwordFile, cipher: 3 } } },
        npResolution: { bmc: true },
      },
    })
    await checked(cluster, async () => {
      await cluster.start()
      const controller = async () => (await cluster.status('s2')).partition?.controllers[0]
      await until(async () => (await controller())?.power === 'on', settleMs, 's2 to know that s1 has power')
      expect(await cluster.do('s2', 'status', '--paths')).toMatch(/Management controller of s1: answers.*is on/)
      await cluster.powerOff('s1')
      await sim.setPower(false)
      await cluster.waitUntilOnline('web', 's2')
      await until(async () => (await controller())?.power === 'off', settleMs, 's2 to know that s1 has no power')
      expect((await cluster.status('s2')).partition?.verdict).toBe('connected')
      await sim.stop()
      await until(async () => (await controller())?.isPresent === false, settleMs, 's2 to miss the controller')
      await cluster.powerOn('s1')
      await cluster.waitUntilSettled()
    })
  },
)
