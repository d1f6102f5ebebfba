/** The simulated management controllers that other tests rest on: they answer, obey, and say what is true. */
import { join } from 'node:path'
import { expect } from 'vitest'
import { type ChassisOrder, type IpmiSim, startIpmiSim } from './lab/ipmi-sim.ts'
import { createLab } from './lab/lab.ts'
import { liveTest } from './lab/live-test.ts'
import { until } from './lab/until.ts'

const ask = ({ address, user, password }: IpmiSim, ...order: readonly string[]): readonly string[] => [
  ...['ipmitool', '-I', 'lanplus', '-C', '3', '-N', '1', '-R', '2', '-H', address, '-U', user, '-P', password],
  ...order,
]

liveTest(
  'a management controller turns its machine off, and says so once it is',
  { needs: ['lab', 'ipmi'] },
  async () => {
    await using lab = await createLab({ hosts: ['s1', 's2', 'bmc'] })
    const carriedOut: ChassisOrder[] = []
    const bmc = lab.host('bmc')
    const sim = await startIpmiSim(bmc, {
      directory: join(lab.directory, 'bmc-of-s2'),
      address: bmc.address.interconnect,
      ordered: async (order) => {
        await (order === 'on' ? lab.host('s2').powerOn() : lab.host('s2').powerOff())
        carriedOut.push(order)
      },
    })
    const s1 = lab.host('s1')
    expect(await s1.ok(ask(sim, 'chassis', 'power', 'status'))).toContain('is on')
    await s1.ok(ask(sim, 'chassis', 'power', 'off'))
    await until(
      async () => (await s1.ok(ask(sim, 'chassis', 'power', 'status'))).includes('is off'),
      10_000,
      's2 to be off',
    )
    expect(lab.host('s2').isOn).toBe(false)
    expect(carriedOut).toEqual(['off'])
    expect(sim.orders).toEqual(['off'])
    expect((await s1.run(ask({ ...sim, password: 'wrong' }, 'chassis', 'power', 'status'))).code).not.toBe(0)
    await sim.stop()
    expect((await s1.run(ask(sim, 'chassis', 'power', 'status'))).code).not.toBe(0)
  },
)
