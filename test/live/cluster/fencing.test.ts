/** A lost server is proven off by its management controller before its groups run elsewhere. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { type IpmiSim, startIpmiSim } from '../lab/ipmi-sim.ts'
import type { Lab } from '../lab/lab.ts'
import { now, until } from '../lab/until.ts'
import { type Cluster, settleMs } from './cluster.ts'
import { clusterTest } from './cluster-test.ts'
import { type Part, serversOf, webGroup } from './configuration.ts'

const bmcHost = 'bmc'
const portOf = (server: string): number => 6000 + Number(server.slice(1))
const passwordFileIn = (lab: Lab): string => join(lab.directory, 'bmc.password')

/** Every server has a controller on the network of the controllers' host. */
const fencingIn =
  (more: Part = {}, servers = serversOf({ servers: 3 })) =>
  (lab: Lab): Part => ({
    fencing: {
      policy: 'required',
      retries: 1,
      pause: '500ms',
      retryEvery: '2s',
      devices: Object.fromEntries(
        servers.map((server) => [
          `bmc-${server}`,
          {
            type: 'ipmi',
            address: lab.host(bmcHost).address.interconnect,
            port: portOf(server),
            user: 'admin',
            passwordFile: passwordFileIn(lab),
            cipher: 3,
            timeout: '8s',
          },
        ]),
      ),
      levels: Object.fromEntries(servers.map((server) => [server, [[`bmc-${server}`]]])),
      ...more,
    },
  })

const options = {
  servers: 3,
  more: fencingIn(),
  others: [bmcHost],
  isOff: true,
  needs: ['ipmi'],
  timeoutMs: 200_000,
} as const

/** The controller of a server; what it is told happens to the server's host. */
const controllerOf = async ({ lab }: Cluster, server: string): Promise<IpmiSim> => {
  const host = lab.host(server)
  return await startIpmiSim(lab.host(bmcHost), {
    directory: join(lab.directory, `bmc-of-${server}`),
    address: lab.host(bmcHost).address.interconnect,
    port: portOf(server),
    ordered: async (order) => {
      if (order === 'off' && host.isOn) await host.powerOff()
    },
  })
}

const start = async (cluster: Cluster): Promise<void> => {
  await writeFile(passwordFileIn(cluster.lab), 'secret', { mode: 0o600 })
  await cluster.start()
}

const phaseOf = async (cluster: Cluster): Promise<string> => {
  const ownership = await cluster.ownership('web', 's2')
  return ownership?.status === 'assigned' ? `${ownership.phase} on ${ownership.server}` : 'stopped'
}

const waitForFailures = async (cluster: Cluster, count: number): Promise<void> => {
  const hasFailed = async () => (await cluster.events('FencingFailed', 's2')).length >= count
  await until(hasFailed, settleMs, `${count} failed attempts`)
}

describe('with fencing required', () => {
  clusterTest('a crashed server is fenced, then its groups move', options, async (cluster, context) => {
    const bmc = await controllerOf(cluster, 's1')
    await start(cluster)
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await watch.waitFor('s2', settleMs)
    expect(bmc.orders).toEqual(['off'])
    const [confirmed] = await cluster.events('FencingConfirmed', 's2')
    expect(confirmed?.data).toMatchObject({ server: 's1', level: 1, devices: ['bmc-s1'] })
    const gap = watch.gap('s1', 's2')?.toFixed(0)
    console.log(`crash, fenced in ${confirmed?.data.ms} ms; clients waited ${gap} ms`)
    await context.annotate(`fenced in ${confirmed?.data.ms} ms; clients waited ${gap} ms`)
    expect(await cluster.do('s2', 'fence', 'history')).toMatch(/s1\s+confirmed/)
    expect(await cluster.do('s2', 'why', 'web')).toMatch(/s1 was fenced by bmc-s1/)
    await bmc.setPower(true)
    await cluster.powerOn('s1')
    await cluster.waitUntilSettled()
    expect(await cluster.ownerOf('web', 's1')).toBe('s2')
    await bmc.stop()
  })

  clusterTest('a frozen server is ended; its group runs on exactly one', options, async (cluster, context) => {
    const bmc = await controllerOf(cluster, 's1')
    await start(cluster)
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    const frozenAt = now()
    await cluster.host('s1').freeze()
    await watch.waitFor('s2', settleMs)
    await context.annotate(`served again ${(now() - frozenAt).toFixed(0)} ms after the freeze`)
    expect(bmc.orders).toEqual(['off'])
    expect(cluster.host('s1').isOn).toBe(false)
    expect(await cluster.ownerOf('web', 's2')).toBe('s2')
    await bmc.stop()
  })

  clusterTest('a dead controller moves nothing, until an operator answers for it', options, async (cluster) => {
    await start(cluster)
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await waitForFailures(cluster, 3)
    expect(await phaseOf(cluster)).toBe('uncertain on s1')
    expect(await cluster.do('s2', 'status')).toMatch(/NOT PROVEN OFF.*baton server confirm-off s1/)
    expect(await cluster.do('s2', 'alerts')).toMatch(/Server s1 could not be fenced/)
    const started = await cluster.baton('s2', ['group', 'start', 'web'])
    expect(started).toMatchObject({ code: 3, stderr: expect.stringContaining('web is uncertain: s1 is down') })
    // Nobody is there to answer, so it is not taken for a yes.
    expect((await cluster.baton('s2', ['server', 'confirm-off', 's1'])).code).toBe(2)
    expect((await cluster.baton('s2', ['server', 'confirm-off', 's3', '--yes'])).code).toBe(3)
    expect((await cluster.baton('s2', ['fence', 'test', 's1'])).code).toBe(1)
    expect(watch.lives()).toHaveLength(1)
    await cluster.do('s2', 'server', 'confirm-off', 's1', '--yes', '--note', 'pulled its cables')
    await watch.waitFor('s2', settleMs)
    const [confirmed] = await cluster.events('FencingConfirmedByOperator', 's2')
    expect(confirmed?.data).toMatchObject({ server: 's1', note: 'pulled its cables' })
    // With the name of who vouches for it.
    expect(await cluster.do('s2', 'alerts')).toMatch(/Server s1 is off, says root\b.*pulled its cables/)
  })

  clusterTest('a controller that answers again ends the wait by itself', options, async (cluster) => {
    await start(cluster)
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await waitForFailures(cluster, 2)
    const bmc = await controllerOf(cluster, 's1')
    await watch.waitFor('s2', settleMs)
    expect(bmc.orders).toEqual(['off'])
    await bmc.stop()
  })

  clusterTest('a server that was only cut off needs no fence once it is heard again', options, async (cluster) => {
    await start(cluster)
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.lab.cut({ host: 's1', network: 'both' })
    await waitForFailures(cluster, 1)
    expect(await phaseOf(cluster)).toBe('uncertain on s1')
    await cluster.lab.heal()
    await cluster.waitUntilSettled()
    const { state } = await cluster.status('s2')
    // Whichever is heard first: its word that it released everything, or that it joined again.
    const [ending, ...more] = state.fencing.history
    expect(['unneeded', 'came back']).toContain(ending?.outcome)
    expect([more, state.fencing.pending]).toEqual([[], {}])
    expect(await cluster.ownerOf('web', 's2')).toBe(ending?.outcome === 'unneeded' ? 's2' : 's1')
  })

  const five = { ...options, servers: 5, more: fencingIn({}, serversOf({ servers: 5 })) } as const
  clusterTest('the executor that dies is replaced, and the fence is finished', five, async (cluster) => {
    await start(cluster)
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await waitForFailures(cluster, 1)
    const executorBy = async (voter: string) => (await cluster.status(voter)).state.fencing.pending.s1?.executor
    const first = (await executorBy('s2')) ?? 's2'
    await cluster.powerOff(first)
    const other = cluster.servers.find((name) => cluster.host(name).isOn) ?? ''
    const isReplaced = async () => ![undefined, first].includes(await executorBy(other))
    await until(isReplaced, settleMs, 'another executor')
    const bmc = await controllerOf(cluster, 's1')
    await watch.waitFor(other, settleMs)
    expect(bmc.orders).toEqual(['off'])
    await bmc.stop()
  })
})

clusterTest(
  'with fencing preferred, groups go on when no device answers',
  { ...options, more: fencingIn({ policy: 'preferred' }) },
  async (cluster, context) => {
    await start(cluster)
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    await cluster.powerOff('s1')
    await watch.waitFor('s2', settleMs)
    await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
    expect((await cluster.events('FencingForgone', 's2')).map(({ data }) => data.server)).toEqual(['s1'])
  },
)

clusterTest(
  'devices are asked from time to time: one that is lost is told, and one that is back',
  { ...options, more: fencingIn({ check: '2s' }) },
  async (cluster) => {
    const bmcs = [
      await controllerOf(cluster, 's1'),
      await controllerOf(cluster, 's2'),
      await controllerOf(cluster, 's3'),
    ]
    await start(cluster)
    await bmcs[0]?.stop()
    const isLost = async () => 'bmc-s1' in (await cluster.status('s2')).state.fencing.lostDevices
    await until(isLost, settleMs, 'the device to be lost')
    expect(await cluster.do('s2', 'fence', 'list')).toMatch(/s1\s+level 1\s+bmc-s1\s+ipmi\s+LOST/)
    const again = await controllerOf(cluster, 's1')
    await until(async () => !(await isLost()), settleMs, 'the device to be back')
    expect(await cluster.do('s2', 'fence', 'test', 's1')).toMatch(/bmc-s1\s+on/)
    for (const bmc of [again, ...bmcs.slice(1)]) await bmc.stop()
  },
)

/** Cannot start anywhere, and is to end its server for it; what ends it only leaves a note for the test. */
const hopeless = {
  type: 'exec',
  mode: 'run-to-end',
  start: '[ "$(uname -n)" != s1 ]',
  activation: { failovers: 0, finalAction: 'keepalive-reset' },
}
clusterTest(
  'a final action ends the server on which a group could not be started',
  {
    servers: 3,
    isOff: true,
    groups: {
      app: { resources: { hopeless } },
      web: webGroup(),
    },
    more: (lab: Lab) => ({ finalActions: { keepaliveReset: `uname -n >> ${join(lab.directory, 'final')}` } }),
  },
  async (cluster) => {
    await Promise.all(cluster.servers.map((server) => cluster.startAgent(server)))
    const ordered = async () => (await cluster.events('FinalActionOrdered', 's2').catch(() => []))[0] ?? null
    expect((await until(ordered, settleMs, 'the final action')).data).toMatchObject({
      server: 's1',
      action: 'keepalive-reset',
    })
    for (const group of ['web', 'app']) await cluster.waitUntilOnline(group, 's2', { by: 's2' })
    const note = async () => (await cluster.host('s2').run(['cat', join(cluster.lab.directory, 'final')])).stdout
    await until(async () => (await note()) === 's1\n', settleMs, 'the command to have run on s1')
    // What has been carried out is on its disk: another agent of the same boot does not do it again.
    await cluster.restartAgent('s1')
    const { state } = await cluster.status('s2')
    const hasRead = async () => (await cluster.status('s1')).state.position.sequence >= state.position.sequence
    await until(hasRead, settleMs, 's1 to know of the order')
    const isMoved = async () => (await cluster.do('s2', 'group', 'move', 'web', '--to', 's3')) !== ''
    await until(isMoved, settleMs, 'something to happen that every agent looks at')
    await cluster.waitUntilOnline('web', 's3', { by: 's1' })
    expect(await note()).toBe('s1\n')
  },
)
