/** What agent and guardian left running when both died: the next agent takes it down before anything else. */
import { beforeEach, describe, expect, test } from 'vitest'
import { beginTrace } from '../../../src/agents/agent-trace.ts'
import { readManifest } from '../../../src/agents/guardian/manifest.ts'
import { endUnguarded } from '../../../src/agents/guardian/unguarded.ts'
import type { ResourceDrivers } from '../../../src/agents/resource-runner.ts'
import type { ResourceDriver } from '../../../src/agents/resources/driver.ts'
import { GuardedWorld, type Running } from './guarded-world.ts'

const places = { manifest: '/state/run/running.json', guardian: '/guardian.sock' }

let guarded: GuardedWorld
let down: string[]
let canStop: boolean

const driver: ResourceDriver = {
  activate: async () => ({ ok: true }),
  probe: async () => 'on',
  deactivate: async ({ resource }) => {
    down.push(resource)
    return canStop ? { ok: true } : { ok: false, because: 'stuck', stalled: true }
  },
}
const drivers = { exec: driver } as ResourceDrivers // cast: other types are not touched
const runs = (...resources: readonly Running[]) => guarded.writeManifest(places.manifest, resources)
const end = () =>
  endUnguarded(guarded.world, places, { drivers, logDirectory: '/log', instance: 'i', say: () => undefined })
const left = async () => (await readManifest(guarded.world, places.manifest))?.map(({ resource }) => resource)

beforeEach(() => {
  guarded = new GuardedWorld()
  down = []
  canStop = true
})

describe('with no guardian to end it', () => {
  test('everything goes, dependents first', async () => {
    runs({ name: 'address' }, { name: 'httpd', after: 'address' })
    await end()
    expect(down).toEqual(['httpd', 'address'])
    expect(await left()).toEqual([])
  })

  test('what would not go is left to the agent', async () => {
    canStop = false
    runs({ name: 'httpd' })
    await end()
    expect(await left()).toEqual(['httpd'])
  })

  test('what may run without a lease stays (rule 12)', async () => {
    runs({ name: 'httpd', isKept: true }, { name: 'address' })
    await end()
    expect(down).toEqual(['address'])
    expect(await left()).toEqual(['httpd'])
  })
})

test('with a guardian that answers nothing is touched: it knows the lease', async () => {
  const { local } = guarded.world
  await local.listen(places.guardian, (connection) => connection.send('{"say":"until","until":5000}\n'))
  runs({ name: 'httpd' })
  const ending = end()
  await guarded.virtual.pass(10)
  await ending
  expect(down).toEqual([])
})

test('a guardian whose lease is over is waited for: it ends what runs, and nothing is taken up meanwhile', async () => {
  const { local } = guarded.world
  let until = 500
  await local.listen(places.guardian, (connection) => connection.send(`{"say":"until","until":${until}}\n`))
  runs({ name: 'httpd' })
  let isOver = false
  const ending = end().then(() => {
    isOver = true
  })
  await guarded.virtual.pass(2000)
  expect(isOver).toBe(false)
  runs()
  until = 0
  await guarded.virtual.pass(100)
  await ending
  expect(down).toEqual([])
})

test('a guardian that is never done is waited for ten seconds', async () => {
  const { local } = guarded.world
  await local.listen(places.guardian, (connection) => connection.send('{"say":"until","until":500}\n'))
  runs({ name: 'httpd' })
  const ending = end()
  await guarded.virtual.pass(9900)
  expect(down).toEqual([])
  await guarded.virtual.pass(200)
  await ending
  expect(down).toEqual(['httpd'])
})

test('a guardian that has started anew, and knows no lease, is as good as none', async () => {
  const { local } = guarded.world
  await local.listen(places.guardian, (connection) => connection.send('{"say":"until","until":0}\n'))
  runs({ name: 'httpd' })
  const ending = end()
  await guarded.virtual.pass(10)
  await ending
  expect(down).toEqual(['httpd'])
})

test('a guardian that hangs is ended after a second, and what it guarded taken down', async () => {
  await guarded.world.local.listen(places.guardian, () => {})
  runs({ name: 'httpd' })
  const ending = end()
  await guarded.virtual.pass(999)
  expect(down).toEqual([])
  await guarded.virtual.pass(10)
  await ending
  expect(guarded.endedTags).toEqual(['i/guardian'])
  expect(down).toEqual(['httpd'])
})

describe('the trace of an agent', () => {
  const path = '/state/run/agent.json'
  const begin = (isAlive = false) => {
    const { world } = guarded
    return beginTrace({ ...world, processes: { ...world.processes, isAlive: () => isAlive } }, path)
  }

  test('says whether the one before died, left, or ended', async () => {
    expect((await begin()).before).toBeNull()
    const second = await begin()
    expect(second.before).toBe('died')
    await second.leave('left')
    const third = await begin()
    expect(third.before).toBe('left')
    await third.leave('ended')
    expect((await begin()).before).toBe('ended')
  })

  test('is of one boot of the machine, and nothing beside one that lives', async () => {
    await begin()
    expect((await begin(true)).before).toBeNull()
    guarded.virtual.boot = 'another'
    expect((await begin()).before).toBeNull()
  })
})
