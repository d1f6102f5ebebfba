import { beforeEach, describe, expect, test } from 'vitest'
import { type Finding, type MonitorRunner, monitorRunner } from '../../../src/agents/monitor-runner.ts'
import type { MonitorDriver, Sight } from '../../../src/agents/monitors/driver.ts'
import type { Observed } from '../../../src/decisions/plan.ts'
import { fact } from '../../recorded-log.ts'
import { bothUp, cluster, s1, seen, webOnS1 } from '../decisions/demo.ts'
import { type Given, stateOf } from '../spec.ts'
import { VirtualWorld } from '../virtual-world.ts'

const good: Sight = { verdict: 'normal', because: 'exit code 0' }
const bad: Sight = { verdict: 'error', because: 'exit code 7' }

let virtual: VirtualWorld
let looks: { readonly sight: Sight; readonly afterMs: number }[]
let found: Finding[]
let foundElsewhere: Finding[]
let delayed: number[]
let told: ((sight: Sight) => void) | null
let runner: MonitorRunner

const driver: MonitorDriver = {
  look: (_, signal) => {
    const { sight, afterMs } = looks.shift() ?? { sight: good, afterMs: 10 }
    return new Promise((resolve) => {
      virtual.clock.after(afterMs, () => resolve(sight))
      signal.addEventListener('abort', () => resolve({ verdict: 'unknown', because: 'cancelled' }))
    })
  },
  watch: (_, seenByItself) => {
    told = seenByItself
    return () => {
      told = null
    }
  },
}

/** For the monitors that residents imply. */
const content: MonitorDriver = { look: async () => good }

beforeEach(() => {
  virtual = new VirtualWorld()
  looks = []
  found = []
  foundElsewhere = []
  delayed = []
  told = null
  runner = monitorRunner(virtual.world, {
    me: s1,
    instance: 'demo-s1',
    logDirectory: '/state/log',
    drivers: { genw: driver, ipw: content, pidw: content, miiw: content, mdw: content, mdnw: content },
    environment: () => ({}),
    found: (finding) => void (finding.monitor === 'look' ? found : foundElsewhere).push(finding),
    delayed: (monitor, elapsedMs) => void (monitor === 'look' && delayed.push(elapsedMs)),
  })
})

/** One monitor called `look`, on s1; the monitors that residents imply are passed over. */
const arrange = (monitor: object = {}, more: readonly Given[] = [], observed: Observed = bothUp): void =>
  runner.arrange(
    stateOf([...cluster({ monitor: { interval: 1000, timeout: 400, ...monitor } }), ...webOnS1, ...more]),
    observed,
  )
const verdicts = () => found.map(({ verdict, again }) => (again ? `${verdict} again` : verdict))

describe('a monitor looks', () => {
  test('at every interval, from the start delay on', async () => {
    arrange({ startDelay: 500 })
    await virtual.pass(500)
    expect(found).toEqual([])
    await virtual.pass(20)
    expect(verdicts()).toEqual(['normal'])
    await virtual.pass(2000)
    expect(verdicts()).toEqual(['normal', 'normal again', 'normal again'])
  })
  test('only on the servers it is for', async () => {
    arrange({ servers: ['s2'] })
    await virtual.pass(5000)
    expect(found).toEqual([])
  })
  test('only while the target is up, where it is to; and anew at another instance of it', async () => {
    arrange({ when: 'active' }, [], [seen('httpd', 'activating')])
    await virtual.pass(2000)
    expect(found).toEqual([])
    arrange({ when: 'active' }, [], [seen('httpd', 'on')])
    await virtual.pass(50)
    arrange({ when: 'active' }, [], [seen('httpd', 'on', { readTo: 9 })])
    await virtual.pass(50)
    expect(verdicts()).toEqual(['normal', 'normal'])
  })
  test('not while it is suspended here, nor after its end', async () => {
    arrange()
    await virtual.pass(50)
    arrange({}, [fact('MonitorSuspended', { monitor: 'look', server: 's1' })])
    await virtual.pass(5000)
    expect(found).toHaveLength(1)
    arrange()
    await virtual.pass(50)
    runner.stop()
    await virtual.pass(5000)
    expect(found).toHaveLength(2)
  })
  test('nothing changes when nothing has changed', async () => {
    arrange()
    await virtual.pass(50)
    arrange()
    await virtual.pass(50)
    expect(found).toHaveLength(1)
  })
})

describe('an error counts', () => {
  const errors = (count: number) => Array.from({ length: count }, () => ({ sight: bad, afterMs: 10 }))

  test('after the retries', async () => {
    looks = errors(3)
    arrange({ retries: 2 })
    await virtual.pass(1500)
    expect(found).toEqual([])
    await virtual.pass(1000)
    expect(found).toMatchObject([{ verdict: 'error', because: 'exit code 7', mayRecover: true }])
  })
  test('only when the looks in a row were errors', async () => {
    looks = [...errors(2), { sight: good, afterMs: 10 }, ...errors(2)]
    arrange({ retries: 2 })
    await virtual.pass(4800)
    expect(verdicts()).toEqual(['normal'])
  })
  test('at once when the world tells by itself', async () => {
    arrange({ retries: 9 })
    await virtual.pass(50)
    told?.(bad)
    expect(verdicts()).toEqual(['normal', 'error'])
  })
  test('at once when it is for practice', async () => {
    arrange({ retries: 9 }, [fact('DummyFailureEnabled', { monitor: 'look', server: null })])
    await virtual.pass(50)
    expect(found).toMatchObject([{ verdict: 'error', because: 'it is to fail, for practice', mayRecover: true }])
  })
})

describe('a time-out', () => {
  const late = { sight: good, afterMs: 10_000 }

  test('is an error for people at once, without recovery', async () => {
    looks = [late]
    arrange({ retries: 3 })
    await virtual.pass(450)
    expect(found).toMatchObject([
      { verdict: 'error', because: 'no answer within 400 ms', mayRecover: false, starved: false },
    ])
  })
  test('counts like any error where it is configured so', async () => {
    looks = [late, late]
    arrange({ retries: 1, onTimeout: { retry: true, recover: true } })
    await virtual.pass(450)
    expect(found).toEqual([])
    await virtual.pass(1000)
    expect(found).toMatchObject([{ verdict: 'error', mayRecover: true }])
  })
})

describe('a slow look', () => {
  test('is a warning above the rate', async () => {
    looks = [{ sight: good, afterMs: 330 }]
    arrange({ delayWarning: 80 })
    await virtual.pass(1100)
    expect(delayed).toEqual([330])
    expect(verdicts()).toContain('normal')
  })
  test('is none below it, nor where it is switched off', async () => {
    looks = [{ sight: good, afterMs: 310 }]
    arrange({ delayWarning: 80 })
    await virtual.pass(900)
    looks = [{ sight: good, afterMs: 399 }]
    arrange({ delayWarning: 100 })
    await virtual.pass(900)
    expect(delayed).toEqual([])
  })
})

describe('a resource that is no process, and is or was lost', () => {
  const where = { monitor: 'web.address', server: 's1' }
  const lost = [
    fact('MonitorVerdictChanged', { ...where, verdict: 'error', because: 'gone', elapsedMs: 0, starved: false }),
    fact('RecoveryStarted', { ...where, group: 'web', action: 'restart', count: 1, limit: 3, because: 'gone' }),
  ]
  const well = fact('MonitorVerdictChanged', { ...where, verdict: 'normal', because: '', elapsedMs: 0, starved: false })
  const resources = { address: { type: 'fip', address: '10.0.0.9' } }
  const arrangeAddress = (
    more: readonly Given[],
    condition: 'on' | 'activating' = 'on',
    loss: string | null = null,
  ): void => {
    const state = stateOf([...cluster({ web: { resources } }), ...webOnS1, ...more])
    runner.arrange(state, [seen('address', condition, { lost: loss })])
  }

  test('is told of at every interval until it is up anew', async () => {
    arrangeAddress([])
    arrangeAddress([], 'on', 'gone')
    await virtual.pass(10_500)
    arrangeAddress(lost, 'on', 'gone')
    await virtual.pass(10_000)
    arrangeAddress(lost, 'activating')
    arrangeAddress(lost)
    await virtual.pass(500)
    expect(foundElsewhere.map(({ monitor, verdict, because }) => `${monitor} ${verdict}: ${because}`)).toEqual([
      'web.address error: gone',
      'web.address error: gone',
      'web.address error: gone',
      'web.address normal: it is up',
    ])
  })
  test('is looked at while it is up, so that its recovery can begin anew some day', async () => {
    arrangeAddress(lost, 'activating')
    await virtual.pass(20_500)
    expect(foundElsewhere).toEqual([])
    arrangeAddress([...lost, well])
    await virtual.pass(20_500)
    expect(foundElsewhere).toMatchObject([
      { monitor: 'web.address', verdict: 'normal', again: false },
      { monitor: 'web.address', verdict: 'normal', again: true },
      { monitor: 'web.address', verdict: 'normal', again: true },
    ])
  })
  test('is forgotten once it has been well for long', async () => {
    arrangeAddress([...lost, well, fact('RecoveryCountsReset', where)])
    await virtual.pass(20_500)
    expect(foundElsewhere).toEqual([])
  })
})
