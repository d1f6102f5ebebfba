import { beforeEach, describe, expect, test } from 'vitest'
import { runGuardian } from '../../../src/agents/guardian/guardian.ts'
import { type GuardianLink, linkGuardian } from '../../../src/agents/guardian/guardian-link.ts'
import type { ResourceDrivers } from '../../../src/agents/resource-runner.ts'
import type { ResourceDriver } from '../../../src/agents/resources/driver.ts'
import { budgetMs, mutualWatch, releaseBudget } from '../../../src/decisions/release-budget.ts'
import { instant } from '../../../src/events/index.ts'
import { GuardedWorld, VirtualWatchdog } from './guarded-world.ts'

const manifest = '/state/run/running.json'
const budget = releaseBudget({ stop: 800 })
const agentPid = 77
const guardianPid = 4711

let guarded: GuardedWorld
let watchdog: VirtualWatchdog
let said: string[]
/** Time-outs that the driver was given. */
let limits: number[]
let canStop: boolean
let link: GuardianLink

const driver: ResourceDriver = {
  activate: async () => ({ ok: true }),
  probe: async () => 'on',
  deactivate: (_, { timeoutMs }) =>
    new Promise((resolve) => {
      limits.push(timeoutMs)
      const { clock } = guarded.world
      const outcome = canStop ? { ok: true as const } : { ok: false as const, because: 'stuck', stalled: true }
      clock.after(canStop ? 20 : timeoutMs, () => resolve(outcome))
    }),
}
const drivers: ResourceDrivers = { exec: driver, fip: driver, disk: driver, service: driver } as ResourceDrivers // cast: other types are not touched

const startGuardian = (respawn: readonly [string, ...string[]] | null = null) =>
  void runGuardian(guarded.world, {
    socket: '/guardian.sock',
    manifest,
    trace: '/state/run/agent.json',
    logDirectory: '/log',
    instance: 'i',
    drivers,
    watchdogs: watchdog.watchdogs,
    respawn,
    reset: ['/bin/reset'],
    say: (what) => said.push(what),
  })
const startAgent = async () => {
  const linking = linkGuardian(guarded.world, {
    socket: '/guardian.sock',
    command: ['baton', 'guardian'],
    tag: 'i/guardian',
    logFile: '/log/guardian.log',
    own: { pid: agentPid, startTicks: 1 },
  })
  await guarded.virtual.pass(0)
  link = await linking
}
const running = (...resources: readonly string[]) =>
  guarded.writeManifest(
    manifest,
    resources.map((name) => ({ name })),
  )
const pass = (ms: number) => guarded.virtual.pass(ms)
const leaseFor = (ms: number): number => {
  const until = guarded.virtual.now + ms
  link.lease(instant(until), budget)
  return until
}
const order = { device: '/dev/watchdog', timeoutMs: 2000, mostMs: 2760, pretimeoutMs: null }

beforeEach(async () => {
  guarded = new GuardedWorld()
  watchdog = new VirtualWatchdog(guarded.virtual)
  said = []
  limits = []
  canStop = true
  startGuardian()
  await guarded.virtual.settle()
  await startAgent()
})

describe('when a lease is over and groups run', () => {
  test('the guardian leaves the agent its share of D, then ends it and takes everything down', async () => {
    running('httpd')
    leaseFor(1000)
    await pass(1000 + budget.agentMs - 1)
    expect(guarded.killed).toEqual([])
    await pass(1)
    expect(guarded.killed).toEqual([agentPid])
    expect(limits).toEqual([budget.guardianMs])
    await pass(20)
    expect(said.at(-1)).toBe('everything is off')
  })

  test('a lease that an agent gets while the one before is taken down is guarded as any other', async () => {
    running('httpd')
    leaseFor(1000)
    await pass(1000 + budget.agentMs + 10)
    leaseFor(1000)
    await pass(100)
    running('httpd')
    await pass(1000 + budget.agentMs)
    expect(limits).toHaveLength(2)
  })

  test('what cannot be taken down in the guardian’s share resets the machine, within D', async () => {
    canStop = false
    running('httpd', 'database')
    leaseFor(1000)
    await pass(1000 + budget.agentMs + budget.guardianMs - 1)
    expect(guarded.runs).toEqual([])
    await pass(1)
    expect(guarded.runs).toEqual([['/bin/reset']])
    expect(budget.agentMs + budget.guardianMs).toBeLessThan(budgetMs(budget))
  })

  test('a machine that wakes from a suspend does not wait for what was left of the lease before', async () => {
    running('httpd')
    leaseFor(10_000)
    await pass(1000)
    guarded.virtual.suspendedMs += 60_000
    await pass(300)
    expect(guarded.killed).toEqual([agentPid])
    expect(said.at(-1)).toBe('everything is off')
  })

  test('it goes on trying when the reset does nothing, better late than never', async () => {
    canStop = false
    running('httpd')
    leaseFor(1000)
    await pass(2000)
    canStop = true
    await pass(7000)
    expect(said.at(-1)).toBe('everything is off')
  })

  test('a manifest that cannot be read ends the agent and resets the machine', async () => {
    guarded.virtual.disk.set(manifest, 'damaged')
    leaseFor(1000)
    await pass(1000 + budget.agentMs)
    expect(guarded.killed).toEqual([agentPid])
    expect(guarded.runs).toEqual([['/bin/reset']])
  })

  test.each([
    ['refuses the manifest', { diskTrouble: 'ENOSPC' }],
    ['does not answer', { isDiskStalled: true }],
  ])('a disk that %s afterwards is no matter', async (_, trouble) => {
    running('httpd')
    leaseFor(1000)
    await pass(900)
    Object.assign(guarded.virtual, trouble)
    await pass(1000)
    expect(said).toContain('everything is off')
  })
})

describe('the watchdog', () => {
  const arm = async () => {
    link.configure(mutualWatch({ timeout: 3000 }), order)
    await pass(0)
  }
  /** A lease that is renewed with every beat, as by a healthy agent. */
  const renewFor = async (ms: number) => {
    let until = 0
    for (let at = 0; at < ms; at += 300) {
      until = leaseFor(2000)
      await pass(300)
    }
    return until
  }

  test('is fed while nothing runs, however long', async () => {
    await arm()
    await pass(60_000)
    expect(watchdog.firesAt).toBeGreaterThan(guarded.virtual.now)
  })

  test('is fed while the lease is renewed', async () => {
    await arm()
    running('httpd')
    await renewFor(30_000)
    expect(watchdog.firesAt).toBeGreaterThan(guarded.virtual.now)
  })

  test('fires at the lease’s end and D at the latest when groups stay', async () => {
    await arm()
    canStop = false
    running('httpd')
    const until = await renewFor(10_000)
    await pass(2000)
    expect(watchdog.firesAt).toBeLessThanOrEqual(until + 800)
  })

  test('fires by then whenever the whole machine froze', async () => {
    await arm()
    running('httpd')
    for (let step = 0; step < 40; step++) {
      const until = await renewFor(300)
      // Frozen now: nobody feeds any more.
      expect(watchdog.firesAt).toBeLessThanOrEqual(until + 800)
      await pass(37)
    }
  })

  test('does not fire when a lease ends and everything is off in time', async () => {
    await arm()
    running('httpd')
    const until = await renewFor(3000)
    await pass(until - guarded.virtual.now + 100)
    guarded.virtual.disk.delete(manifest)
    link.off()
    await pass(30_000)
    expect(watchdog.firesAt).toBeGreaterThan(guarded.virtual.now)
  })

  test('goes on when the guardian took everything down in time', async () => {
    await arm()
    running('httpd')
    await renewFor(3000)
    await pass(30_000)
    expect(said).toContain('everything is off')
    expect(watchdog.firesAt).toBeGreaterThan(guarded.virtual.now)
  })

  test('is stopped properly when the agent leaves with nothing running', async () => {
    await arm()
    link.end()
    await pass(0)
    expect(watchdog.wasDisarmed).toBe(true)
    expect(watchdog.firesAt).toBe(Number.POSITIVE_INFINITY)
  })

  test('is told of to the agent, and why there is none', async () => {
    watchdog.refuses = '/dev/watchdog is no character device, so no watchdog'
    await arm()
    await pass(1000)
    expect(link.watchdog()).toMatchObject({ armed: false, because: watchdog.refuses })
    watchdog.refuses = null
    await pass(6000)
    expect(link.watchdog()).toMatchObject({ armed: true, device: '/dev/watchdog', timeoutMs: 2000 })
  })

  test('whose driver knows only longer time-outs is refused, and not left armed', async () => {
    watchdog.leastTimeoutMs = 30_000
    await arm()
    await pass(1000)
    expect(link.watchdog()).toMatchObject({ armed: false })
    expect(link.watchdog().because).toContain('30000 ms')
    expect(watchdog.firesAt).toBe(Number.POSITIVE_INFINITY)
  })

  test('that cannot be fed any more is not called armed', async () => {
    await arm()
    watchdog.feedTrouble = 'EIO'
    watchdog.refuses = 'gone'
    await pass(3000)
    expect(link.watchdog().armed).toBe(false)
  })
})

describe('a guardian that does not answer', () => {
  test('is ended after its time, and not before', async () => {
    link.configure(mutualWatch({ timeout: 3000 }), { ...order, device: null })
    await pass(10_000)
    expect(guarded.killed).toEqual([])
    guarded.isFrozen = true
    await pass(1000)
    expect(guarded.killed).toEqual([])
    await pass(1500)
    expect(guarded.killed).toEqual([guardianPid])
  })

  test('is replaced, and the next one is told the lease', async () => {
    guarded.onLaunch = () => startGuardian()
    leaseFor(60_000)
    await pass(100)
    guarded.guardianDies()
    await pass(500)
    expect(guarded.launched).toEqual([['baton', 'guardian']])
    expect(link.isThere()).toBe(true)
    running('httpd')
    await pass(60_000)
    expect(guarded.killed).toContain(agentPid)
  })

  test('and cannot be replaced leaves the agent without a lease', async () => {
    const { unguardedMs } = mutualWatch({ timeout: 3000 })
    link.configure(mutualWatch({ timeout: 3000 }), order)
    await pass(1000)
    guarded.guardianDies()
    await pass(unguardedMs - 1000)
    expect(link.trouble()).toBeNull()
    await pass(2000)
    expect(link.trouble()).toMatch(/no guardian has answered for \d+ ms/)
    expect(link.watchdog().armed).toBe(false)
  })
})

describe('a guardian that starts anew', () => {
  const startAnew = async (respawn: readonly [string, ...string[]] | null = null) => {
    link.leave()
    guarded.guardianDies()
    await pass(0)
    startGuardian(respawn)
    await pass(0)
  }
  const leaveTrace = (last: 'running' | 'left' | 'ended') => {
    const text = JSON.stringify({ boot: guarded.virtual.boot, pid: agentPid, startTicks: 1, last })
    guarded.virtual.disk.set('/state/run/agent.json', text)
  }

  test('and hears of no agent ends the one that hangs, and takes down what was left', async () => {
    running('httpd')
    leaveTrace('running')
    await startAnew()
    await pass(999)
    expect(guarded.killed).toEqual([])
    await pass(50)
    expect(guarded.killed).toEqual([agentPid])
    expect(said.at(-1)).toBe('everything is off')
    expect(guarded.launched).toEqual([])
  })

  test('leaves everything to an agent that comes', async () => {
    running('httpd')
    leaveTrace('running')
    await startAnew(['baton', 'agent'])
    await startAgent()
    await pass(5000)
    expect(said).toEqual([])
    expect(guarded.launched).toEqual([])
  })

  test('takes nothing down that may run without a lease, nor what it cannot tell', async () => {
    guarded.virtual.disk.set(manifest, 'damaged')
    await startAnew()
    await pass(5000)
    expect(guarded.runs).toEqual([])
    running('httpd')
    const text = guarded.virtual.disk.get(manifest) ?? ''
    guarded.virtual.disk.set(manifest, text.replaceAll('"isUp":true', '"isUp":true,"isKept":true'))
    await startAnew()
    await pass(5000)
    expect(said).toEqual([])
  })

  describe('where no service manager starts the agent again, and hears of none', () => {
    const respawn = ['baton', 'agent'] as const

    test.each(['died', 'hangs'])('starts it once what was left by one that %s is off', async (what) => {
      guarded.onLaunch = () => said.push('launched')
      if (what === 'died') guarded.gone.add(agentPid)
      running('httpd')
      leaveTrace('running')
      await startAnew(respawn)
      await pass(999)
      expect(guarded.launched).toEqual([])
      await pass(100)
      expect(said.slice(-3)).toEqual(['everything is off', 'the agent died: starting it again', 'launched'])
      expect(guarded.launched).toEqual([respawn])
    })

    test('starts it, too, when nothing was left, or nobody can tell what', async () => {
      leaveTrace('running')
      guarded.gone.add(agentPid)
      await startAnew(respawn)
      await pass(1100)
      guarded.virtual.disk.set(manifest, 'damaged')
      await startAnew(respawn)
      await pass(1100)
      expect(guarded.launched).toEqual([respawn, respawn])
    })

    test('starts none beside one that lives and runs nothing, after one that ended on purpose, or when it cannot tell', async () => {
      await startAnew(respawn)
      await pass(5000)
      leaveTrace('running')
      await startAnew(respawn)
      await pass(5000)
      leaveTrace('ended')
      guarded.gone.add(agentPid)
      await startAnew(respawn)
      await pass(5000)
      expect(guarded.killed).toEqual([])
      expect(guarded.launched).toEqual([])
    })
  })
})

test('an agent that is pressed knows how long it has before the guardian acts', async () => {
  expect(link.leftMs()).toBeNull()
  leaseFor(1000)
  await pass(999)
  expect(link.leftMs()).toBeNull()
  await pass(50)
  expect(link.leftMs()).toBe(budget.agentMs - 49)
})
