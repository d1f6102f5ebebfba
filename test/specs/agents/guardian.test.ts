import { beforeEach, describe, expect, test } from 'vitest'
import { budgetMs, mutualWatch } from '../../../src/decisions/release-budget.ts'
import { agentPid, budget, GuardedAgent, guardianPid, manifest, order } from './guarded-agent.ts'

let scene: GuardedAgent

beforeEach(async () => {
  scene = new GuardedAgent()
  await scene.begin()
})

describe('when a lease is over and groups run', () => {
  test('the guardian leaves the agent its share of D, then ends it and takes everything down', async () => {
    scene.running('httpd')
    scene.leaseFor(1000)
    await scene.pass(1000 + budget.agentMs - 1)
    expect(scene.guarded.killed).toEqual([])
    await scene.pass(1)
    expect(scene.guarded.killed).toEqual([agentPid])
    expect(scene.limits).toEqual([budget.guardianMs])
    await scene.pass(20)
    expect(scene.said.at(-1)).toBe('everything is off')
  })

  test('the next agent is told so, and none after it', async () => {
    scene.running('httpd')
    const until = scene.leaseFor(1000)
    expect(scene.link.lost).toBeNull()
    await scene.pass(1000 + budget.agentMs + 20)
    await scene.startAgent()
    expect(scene.link.lost).toEqual({ at: until, offAt: until + budget.agentMs + 20, groups: ['web'] })
    await scene.startAgent()
    expect(scene.link.lost).toBeNull()
  })

  test('the next agent is told so while it is still at it', async () => {
    scene.canStop = false
    scene.running('httpd')
    const until = scene.leaseFor(1000)
    await scene.pass(1000 + budget.agentMs + 20)
    await scene.startAgent()
    expect(scene.link.lost).toEqual({ at: until, offAt: null, groups: ['web'] })
  })

  test('a lease that an agent gets while the one before is taken down is guarded as any other', async () => {
    scene.running('httpd')
    scene.leaseFor(1000)
    await scene.pass(1000 + budget.agentMs + 10)
    scene.leaseFor(1000)
    await scene.pass(100)
    scene.running('httpd')
    await scene.pass(1000 + budget.agentMs)
    expect(scene.limits).toHaveLength(2)
  })

  test('what cannot be taken down in the guardian’s share resets the machine, within D', async () => {
    scene.canStop = false
    scene.running('httpd', 'database')
    scene.leaseFor(1000)
    await scene.pass(1000 + budget.agentMs + budget.guardianMs - 1)
    expect(scene.guarded.runs).toEqual([])
    await scene.pass(1)
    expect(scene.guarded.runs).toEqual([['/bin/reset']])
    expect(budget.agentMs + budget.guardianMs).toBeLessThan(budgetMs(budget))
  })

  test('a machine that wakes from a suspend does not wait for what was left of the lease before', async () => {
    scene.running('httpd')
    scene.leaseFor(10_000)
    await scene.pass(1000)
    scene.guarded.virtual.suspendedMs += 60_000
    await scene.pass(300)
    expect(scene.guarded.killed).toEqual([agentPid])
    expect(scene.said.at(-1)).toBe('everything is off')
  })

  test('it goes on trying when the reset does nothing, better late than never', async () => {
    scene.canStop = false
    scene.running('httpd')
    scene.leaseFor(1000)
    await scene.pass(2000)
    scene.canStop = true
    await scene.pass(7000)
    expect(scene.said.at(-1)).toBe('everything is off')
  })

  test('a manifest that cannot be read ends the agent and resets the machine', async () => {
    scene.guarded.virtual.disk.set(manifest, 'damaged')
    scene.leaseFor(1000)
    await scene.pass(1000 + budget.agentMs)
    expect(scene.guarded.killed).toEqual([agentPid])
    expect(scene.guarded.runs).toEqual([['/bin/reset']])
  })

  test.each([
    ['refuses the manifest', { diskTrouble: 'ENOSPC' }],
    ['does not answer', { isDiskStalled: true }],
  ])('a disk that %s afterwards is no matter', async (_, trouble) => {
    scene.running('httpd')
    scene.leaseFor(1000)
    await scene.pass(900)
    Object.assign(scene.guarded.virtual, trouble)
    await scene.pass(1000)
    expect(scene.said).toContain('everything is off')
  })
})

describe('a guardian that does not answer', () => {
  test('is ended after its time, and not before', async () => {
    scene.link.configure(mutualWatch({ timeout: 3000 }), { ...order, device: null })
    await scene.pass(10_000)
    expect(scene.guarded.killed).toEqual([])
    scene.guarded.isFrozen = true
    await scene.pass(1000)
    expect(scene.guarded.killed).toEqual([])
    await scene.pass(1500)
    expect(scene.guarded.killed).toEqual([guardianPid])
  })

  test('is replaced, and the next one is told the lease', async () => {
    scene.guarded.onLaunch = () => scene.startGuardian()
    scene.leaseFor(60_000)
    await scene.pass(100)
    scene.guarded.guardianDies()
    await scene.pass(500)
    expect(scene.guarded.launched).toEqual([['baton', 'guardian']])
    expect(scene.link.isThere()).toBe(true)
    scene.running('httpd')
    await scene.pass(60_000)
    expect(scene.guarded.killed).toContain(agentPid)
  })

  test('and cannot be replaced leaves the agent without a lease', async () => {
    const { unguardedMs } = mutualWatch({ timeout: 3000 })
    scene.link.configure(mutualWatch({ timeout: 3000 }), order)
    await scene.pass(1000)
    scene.guarded.guardianDies()
    await scene.pass(unguardedMs - 1000)
    expect(scene.link.trouble()).toBeNull()
    await scene.pass(2000)
    expect(scene.link.trouble()).toMatch(/no guardian has answered for \d+ ms/)
    expect(scene.link.watchdog().armed).toBe(false)
  })
})

describe('a guardian that starts anew', () => {
  const startAnew = async (respawn: readonly [string, ...string[]] | null = null) => {
    scene.link.leave()
    scene.guarded.guardianDies()
    await scene.pass(0)
    scene.startGuardian(respawn)
    await scene.pass(0)
  }
  const leaveTrace = (last: 'running' | 'left' | 'ended') => {
    const text = JSON.stringify({ boot: scene.guarded.virtual.boot, pid: agentPid, startTicks: 1, last })
    scene.guarded.virtual.disk.set('/state/run/agent.json', text)
  }

  test('and hears of no agent ends the one that hangs, and takes down what was left', async () => {
    scene.running('httpd')
    leaveTrace('running')
    await startAnew()
    await scene.pass(999)
    expect(scene.guarded.killed).toEqual([])
    await scene.pass(50)
    expect(scene.guarded.killed).toEqual([agentPid])
    expect(scene.said.at(-1)).toBe('everything is off')
    expect(scene.guarded.launched).toEqual([])
  })

  test('leaves everything to an agent that comes', async () => {
    scene.running('httpd')
    leaveTrace('running')
    await startAnew(['baton', 'agent'])
    await scene.startAgent()
    await scene.pass(5000)
    expect(scene.said).toEqual([])
    expect(scene.guarded.launched).toEqual([])
  })

  test('takes nothing down that may run without a lease, nor what it cannot tell', async () => {
    scene.guarded.virtual.disk.set(manifest, 'damaged')
    await startAnew()
    await scene.pass(5000)
    expect(scene.guarded.runs).toEqual([])
    scene.running('httpd')
    const text = scene.guarded.virtual.disk.get(manifest) ?? ''
    scene.guarded.virtual.disk.set(manifest, text.replaceAll('"isUp":true', '"isUp":true,"isKept":true'))
    await startAnew()
    await scene.pass(5000)
    expect(scene.said).toEqual([])
  })

  describe('where no service manager starts the agent again, and hears of none', () => {
    const respawn = ['baton', 'agent'] as const

    test.each(['died', 'hangs'])('starts it once what was left by one that %s is off', async (what) => {
      scene.guarded.onLaunch = () => scene.said.push('launched')
      if (what === 'died') scene.guarded.gone.add(agentPid)
      scene.running('httpd')
      leaveTrace('running')
      await startAnew(respawn)
      await scene.pass(999)
      expect(scene.guarded.launched).toEqual([])
      await scene.pass(100)
      expect(scene.said.slice(-3)).toEqual(['everything is off', 'the agent died: starting it again', 'launched'])
      expect(scene.guarded.launched).toEqual([respawn])
    })

    test('starts it, too, when nothing was left, or nobody can tell what', async () => {
      leaveTrace('running')
      scene.guarded.gone.add(agentPid)
      await startAnew(respawn)
      await scene.pass(1100)
      scene.guarded.virtual.disk.set(manifest, 'damaged')
      await startAnew(respawn)
      await scene.pass(1100)
      expect(scene.guarded.launched).toEqual([respawn, respawn])
    })

    test('starts none beside one that lives and runs nothing, after one that ended on purpose, or when it cannot tell', async () => {
      await startAnew(respawn)
      await scene.pass(5000)
      leaveTrace('running')
      await startAnew(respawn)
      await scene.pass(5000)
      leaveTrace('ended')
      scene.guarded.gone.add(agentPid)
      await startAnew(respawn)
      await scene.pass(5000)
      expect(scene.guarded.killed).toEqual([])
      expect(scene.guarded.launched).toEqual([])
    })
  })
})

test('an agent that is pressed knows how long it has before the guardian acts', async () => {
  expect(scene.link.leftMs()).toBeNull()
  scene.leaseFor(1000)
  await scene.pass(999)
  expect(scene.link.leftMs()).toBeNull()
  await scene.pass(50)
  expect(scene.link.leftMs()).toBe(budget.agentMs - 49)
})
