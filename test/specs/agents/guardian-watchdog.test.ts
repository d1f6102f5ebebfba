import { beforeEach, describe, expect, test } from 'vitest'
import { mutualWatch } from '../../../src/decisions/release-budget.ts'
import { GuardedAgent, manifest, order } from './guarded-agent.ts'

let scene: GuardedAgent

beforeEach(async () => {
  scene = new GuardedAgent()
  await scene.begin()
})

describe('the watchdog', () => {
  const arm = async () => {
    scene.link.configure(mutualWatch({ timeout: 3000 }), order)
    await scene.pass(0)
  }
  /** A lease that is renewed with every beat, as by a healthy agent. */
  const renewFor = async (ms: number) => {
    let until = 0
    for (let at = 0; at < ms; at += 300) {
      until = scene.leaseFor(2000)
      await scene.pass(300)
    }
    return until
  }
  const expectFed = () => expect(scene.watchdog.firesAt).toBeGreaterThan(scene.guarded.virtual.now)

  test('is fed while nothing runs, however long', async () => {
    await arm()
    await scene.pass(60_000)
    expectFed()
  })

  test('is fed while the lease is renewed', async () => {
    await arm()
    scene.running('httpd')
    await renewFor(30_000)
    expectFed()
  })

  test('fires at the lease’s end and D at the latest when groups stay', async () => {
    await arm()
    scene.canStop = false
    scene.running('httpd')
    const until = await renewFor(10_000)
    await scene.pass(2000)
    expect(scene.watchdog.firesAt).toBeLessThanOrEqual(until + 800)
  })

  test('fires by then whenever the whole machine froze', async () => {
    await arm()
    scene.running('httpd')
    for (let step = 0; step < 40; step++) {
      const until = await renewFor(300)
      // Frozen now: nobody feeds any more.
      expect(scene.watchdog.firesAt).toBeLessThanOrEqual(until + 800)
      await scene.pass(37)
    }
  })

  test('does not fire when a lease ends and everything is off in time', async () => {
    await arm()
    scene.running('httpd')
    const until = await renewFor(3000)
    await scene.pass(until - scene.guarded.virtual.now + 100)
    scene.guarded.virtual.disk.delete(manifest)
    scene.link.off()
    await scene.pass(30_000)
    expectFed()
  })

  test('goes on when the guardian took everything down in time', async () => {
    await arm()
    scene.running('httpd')
    await renewFor(3000)
    await scene.pass(30_000)
    expect(scene.said).toContain('everything is off')
    expectFed()
  })

  test('is stopped properly when the agent leaves with nothing running', async () => {
    await arm()
    scene.link.end()
    await scene.pass(0)
    expect(scene.watchdog.wasDisarmed).toBe(true)
    expect(scene.watchdog.firesAt).toBe(Number.POSITIVE_INFINITY)
  })

  test('is told of to the agent, and why there is none', async () => {
    scene.watchdog.refuses = '/dev/watchdog is no character device, so no watchdog'
    await arm()
    await scene.pass(1000)
    expect(scene.link.watchdog()).toMatchObject({ armed: false, because: scene.watchdog.refuses })
    scene.watchdog.refuses = null
    await scene.pass(6000)
    expect(scene.link.watchdog()).toMatchObject({ armed: true, device: '/dev/watchdog', timeoutMs: 2000 })
  })

  test('whose driver knows only longer time-outs is refused, and not left armed', async () => {
    scene.watchdog.leastTimeoutMs = 30_000
    await arm()
    await scene.pass(1000)
    expect(scene.link.watchdog()).toMatchObject({ armed: false })
    expect(scene.link.watchdog().because).toContain('30000 ms')
    expect(scene.watchdog.firesAt).toBe(Number.POSITIVE_INFINITY)
  })

  test('that cannot be fed any more is not called armed', async () => {
    await arm()
    scene.watchdog.feedTrouble = 'EIO'
    scene.watchdog.refuses = 'gone'
    await scene.pass(3000)
    expect(scene.link.watchdog().armed).toBe(false)
  })
})
