/** Two servers and nobody else: what stands in for the third voice, and what becomes of the log. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, type TestContext } from 'vitest'
import { createLab } from '../lab/lab.ts'
import { liveTest } from '../lab/live-test.ts'
import { SerialCable } from '../lab/serial-cable.ts'
import { now, until } from '../lab/until.ts'
import { type Cluster, createCluster, settleMs } from './cluster.ts'
import { checked, clusterTest } from './cluster-test.ts'
import { hostsOf, quick } from './configuration.ts'
import { about, examine, problemsOf } from './diagnosis.ts'

const isPair = true
type Server = 's1' | 's2'
const other = { s1: 's2', s2: 's1' } as const satisfies Record<Server, Server>

/** The log as `server` has it: on both copies, or on whose alone. */
const sidesOn = async (cluster: Cluster, server: string) => (await cluster.status(server)).state.logSides

const untilAlone = (cluster: Cluster, server: Server) =>
  until(
    async () => {
      const { head, isAlone } = await sidesOn(cluster, server)
      return isAlone && head === server
    },
    settleMs,
    `the log to go on with ${server} alone`,
  )

const untilOnBoth = async (cluster: Cluster): Promise<void> => {
  const isOnBoth = async () => {
    const sides = await Promise.all(cluster.servers.map((server) => sidesOn(cluster, server)))
    return sides.every(({ isAlone }) => !isAlone)
  }
  await until(isOnBoth, settleMs, 'the log to be on both servers')
  await cluster.waitUntilSettled()
}

const hasLease = async (cluster: Cluster, server: Server) => (await cluster.status(server)).lease.held
const untilLeased = (cluster: Cluster, server: Server, held: boolean) =>
  until(
    async () => (await hasLease(cluster, server)) === held,
    settleMs,
    `${server} ${held ? 'with' : 'without'} lease`,
  )

/** As far as both were asked. */
const expectOneLog = async (cluster: Cluster): Promise<void> => {
  const [one, other] = await Promise.all(['s1', 's2'].map((server) => cluster.commits(server)))
  const length = Math.min(one?.length ?? 0, other?.length ?? 0)
  expect(length).toBeGreaterThan(0)
  expect(one?.slice(0, length)).toEqual(other?.slice(0, length))
}

/** How long after the rules allowed it the log went on: the survivor's own measure. */
const aloneAfterMs = async (cluster: Cluster, server: Server): Promise<number> => {
  const { stateDirectory } = cluster.host(server)
  const texts = await Promise.all(
    ['agent.log'].map((name) => readFile(join(stateDirectory, 'log', name), 'utf8').catch(() => '')),
  )
  const found = texts.join('\n').match(/"afterMs":(\d+)[^\n]*the log goes on with this server alone/)
  return Number(found?.[1] ?? Number.NaN)
}

/** The peers have not heard each other for several times T. */
const deafFor = (cluster: Cluster, by: Server, ms: number) =>
  until(
    async () => ((await cluster.status(by)).peers[0]?.heardMsAgo ?? 0) > ms,
    settleMs,
    `${by} to have been deaf for ${ms} ms`,
  )

describe('a crash of one of a pair', () => {
  clusterTest(
    'the active one: the other takes log and groups over, and gets its copy back',
    { isPair },
    async (cluster, context) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      await cluster.powerOff('s1')
      await watch.waitFor('s2', settleMs)
      await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
      await untilAlone(cluster, 's2')
      const afterMs = await aloneAfterMs(cluster, 's2')
      await context.annotate(`decisions were possible ${afterMs} ms after the rules allowed it`)
      expect(afterMs).toBeLessThan(300)
      await cluster.powerOn('s1')
      await untilOnBoth(cluster)
      expect(await cluster.ownerOf('web', 's1')).toBe('s2')
      expect(await sidesOn(cluster, 's1')).toMatchObject({ head: 's2' })
      await expectOneLog(cluster)
    },
  )

  clusterTest('the standby is no matter to any client, and the log goes on', { isPair }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    const well = await examine(cluster, 's1')
    // A disk that is slow now is one, whatever the topology.
    expect(problemsOf(well).filter((what) => what !== 'fsync')).toEqual([])
    expect(about(well, 'log servers').seen).toMatch(/all answer: s1 .*, s2 /)
    expect(about(well, 'ports').level).toBe('ok')
    await cluster.powerOff('s2')
    await untilAlone(cluster, 's1')
    expect(about(await examine(cluster, 's1'), 'log servers').seen).toBe('no answer from s2')
    await watch.waitFor('s1', settleMs)
    await cluster.do('s1', 'group', 'stop', 'web')
    await cluster.do('s1', 'group', 'start', 'web')
    await cluster.powerOn('s2')
    await untilOnBoth(cluster)
    await watch.waitFor('s1', settleMs)
    await expectOneLog(cluster)
  })

  clusterTest(
    'and then of the other: the one that was alone last goes on, in whichever order they return',
    { isPair, timeoutMs: 240_000 },
    async (cluster) => {
      await cluster.powerOff('s1')
      await untilAlone(cluster, 's2')
      await cluster.waitUntilOnline('web', 's2')
      await cluster.powerOff('s2')
      // What s1 has is old: s2 decided alone after it.
      await cluster.powerOn('s1')
      await until(async () => (await cluster.status('s1').catch(() => null)) !== null, settleMs, 's1 to answer')
      await deafOrNever(cluster, 's1')
      expect(await hasLease(cluster, 's1')).toBe(false)
      await cluster.powerOn('s2')
      await untilOnBoth(cluster)
      await expectOneLog(cluster)
      await cluster.powerOff('s1')
      await untilAlone(cluster, 's2')
      await cluster.powerOff('s2')
      await cluster.powerOn('s2')
      await cluster.waitUntilOnline('web', 's2')
      await cluster.powerOn('s1')
      await untilOnBoth(cluster)
    },
  )

  clusterTest(
    'of both at once: neither begins alone, unless an operator vouches for it',
    { isPair, timeoutMs: 240_000 },
    async (cluster) => {
      await Promise.all([cluster.powerOff('s1'), cluster.powerOff('s2')])
      await cluster.powerOn('s2')
      await until(async () => (await cluster.status('s2').catch(() => null)) !== null, settleMs, 's2 to answer')
      await deafOrNever(cluster, 's2')
      expect(await hasLease(cluster, 's2')).toBe(false)
      expect(await cluster.do('s2', 'server', 'go-alone', '--yes')).toMatch(/goes on with s2 alone/)
      await cluster.do('s2', 'cluster', 'skip-sync').catch(() => '')
      await cluster.waitUntilOnline('web', 's2')
      await cluster.powerOn('s1')
      await untilOnBoth(cluster)
      await expectOneLog(cluster)
    },
  )
})

/** An agent has run for several times T without hearing the other. */
const deafOrNever = (cluster: Cluster, by: Server) =>
  until(async () => (await cluster.status(by)).startedMsAgo > 5000, settleMs, `${by} to have waited`)

describe('a pair that is cut', () => {
  for (const lost of ['s1', 's2'] as const) {
    const stays = other[lost]
    clusterTest(
      `${lost} off the networks: ${stays} reaches the ping target and goes on, ${lost} stops`,
      { isPair },
      async (cluster, context) => {
        const watch = await cluster.watch()
        await watch.waitFor('s1', settleMs)
        await cluster.lab.cut({ host: lost, network: 'both' })
        await untilAlone(cluster, stays)
        await watch.waitFor(stays, settleMs)
        await untilLeased(cluster, lost, false)
        if (lost === 's1') await context.annotate(`clients waited ${watch.gap('s1', 's2')?.toFixed(0)} ms`)
        await cluster.lab.heal()
        await untilOnBoth(cluster)
        expect(await cluster.ownerOf('web')).toBe(stays)
        expect(watch.lives()).toHaveLength(lost === 's1' ? 2 : 1)
      },
    )
  }

  clusterTest(
    'so that neither reaches the target: both stop, and go on when it is over',
    { isPair },
    async (cluster) => {
      const watch = await cluster.watch()
      await watch.waitFor('s1', settleMs)
      // On a busy machine an agent that loses its first lease is declared down before anything is cut.
      const before = await cluster.events('ServerDeclaredDown')
      await cluster.lab.cut({ host: 's1', network: 'both' })
      await cluster.lab.cut({ host: 's2', network: 'both' })
      await Promise.all((['s1', 's2'] as const).map((server) => untilLeased(cluster, server, false)))
      await deafFor(cluster, 's2', 5000)
      expect((await sidesOn(cluster, 's2')).isAlone).toBe(false)
      await cluster.lab.heal()
      await cluster.waitUntilSettled()
      await watch.waitFor(() => true, settleMs)
      expect(await cluster.events('ServerDeclaredDown')).toEqual(before)
    },
  )
})

/** No watch: two instances at once are what this is about. */
const unwatched = (name: string, body: (cluster: Cluster, context: TestContext) => Promise<void>): void => {
  liveTest(name, { needs: ['lab', 'nats-server'], timeoutMs: 200_000 }, async (context) => {
    await using lab = await createLab({ hosts: hostsOf({ isPair }) })
    const cluster = await createCluster(lab, { isPair })
    await checked(cluster, async () => {
      await cluster.start()
      await body(cluster, context)
    })
  })
}

describe('a pair that judged wrongly, both sides connected and deaf to each other (N6)', () => {
  unwatched(
    'is active twice; at the first contact one gives up, and keeps what it decided in a file',
    async (cluster, context) => {
      await cluster.waitUntilOnline('web', 's1')
      await cluster.lab.cut({ between: ['s1', 's2'], network: 'both' })
      await Promise.all([untilAlone(cluster, 's1'), untilAlone(cluster, 's2')])
      await cluster.waitUntilOnline('web', 's2')
      const healedAt = now()
      await cluster.lab.heal()
      await until(
        async () => (await cluster.events('LogTailSetAside', 's2')).length > 0,
        settleMs,
        'a tail to be set aside',
      )
      await untilOnBoth(cluster)
      await context.annotate(`one history again ${(now() - healedAt).toFixed(0)} ms after the heal`)
      const [aside] = await cluster.events('LogTailSetAside', 's2')
      expect(aside?.data).toMatchObject({ server: 's1' })
      const shown = await cluster.do('s1', 'log', 'show', '--file', aside?.data.file ?? '')
      expect(shown).toMatch(/s2 was declared down/)
      await expectOneLog(cluster)
      expect(await cluster.ownerOf('web', 's1')).toBe('s2')
    },
  )
})

describe('a pair whose processes restart', () => {
  clusterTest('goes on: agent or log server, on either side', { isPair, timeoutMs: 240_000 }, async (cluster) => {
    const watch = await cluster.watch()
    await watch.waitFor('s1', settleMs)
    for (const server of ['s1', 's2'] as const) {
      await cluster.restartAgent(server)
      await cluster.waitUntilSettled()
      const pid = await cluster.signal(server, 'log server', 'SIGKILL')
      await cluster.waitForAnother(server, 'log server', pid)
      await cluster.waitUntilSettled()
      await cluster.do(server, 'group', 'stop', 'web')
      await cluster.do(server, 'group', 'start', 'web')
    }
    await watch.waitFor(() => true, settleMs)
    expect((await sidesOn(cluster, 's1')).isAlone).toBe(false)
    await expectOneLog(cluster)
  })

  clusterTest('and a server that leaves, leaves the log to the other', { isPair }, async (cluster) => {
    await cluster.do('s1', 'server', 'stop', 's1', '--yes')
    await cluster.waitUntilOnline('web', 's2')
    await untilAlone(cluster, 's2')
    await cluster.powerOff('s1')
    await cluster.do('s2', 'group', 'stop', 'web')
    await cluster.do('s2', 'group', 'start', 'web')
    await cluster.powerOn('s1')
    await cluster.do('s2', 'server', 'start', 's1')
    await untilOnBoth(cluster)
  })
})

describe('a pair with a serial cable', () => {
  liveTest(
    'all networks cut: nobody stops and nobody takes over, until it is handed over',
    { needs: ['lab', 'nats-server', 'socat'], timeoutMs: 200_000 },
    async (context) => {
      await using cable = await SerialCable.create()
      await using lab = await createLab({ hosts: hostsOf({ isPair }) })
      const cluster = await createCluster(lab, {
        isPair,
        perServer: { s1: { com: cable.end(0) }, s2: { com: cable.end(1) } },
        more: { heartbeat: { ...quick, com: { baudRate: 38_400 } } },
      })
      await checked(cluster, async () => {
        await cluster.start()
        const watch = await cluster.watch()
        await watch.waitFor('s1', settleMs)
        await cluster.lab.cut({ between: ['s1', 's2'], network: 'both' })
        const lanSilent = async () => {
          const [peer] = (await cluster.status('s2')).peers
          return (peer?.paths['lan:interconnect'] ?? 0) > 5000
        }
        await until(lanSilent, settleMs, 'the cut to have lasted')
        await watch.waitFor('s1', settleMs)
        expect(await hasLease(cluster, 's2')).toBe(true)
        expect((await sidesOn(cluster, 's2')).isAlone).toBe(false)
        const asked = now()
        expect(await cluster.do('s1', 'server', 'hand-over', '--yes')).toMatch(/s2 took note/)
        await watch.waitFor('s2', settleMs)
        await context.annotate(`clients reached s2 within ${(now() - asked).toFixed(0)} ms`)
        await untilAlone(cluster, 's2')
        await cluster.lab.heal()
        await untilOnBoth(cluster)
        expect(await cluster.ownerOf('web', 's1')).toBe('s2')
      })
    },
  )
})
