import { expect, test } from 'vitest'
import type { ManifestEntry } from '../../../src/agents/guardian/manifest.ts'
import { takeAllDown } from '../../../src/agents/guardian/take-down.ts'
import type { ResourceDrivers } from '../../../src/agents/resource-runner.ts'
import type { ResourceDriver } from '../../../src/agents/resources/driver.ts'
import { epochOf, groupName, resourceName, sequence } from '../../../src/events/index.ts'

const entry = (resource: string, after: readonly string[]): ManifestEntry => ({
  group: groupName('web'),
  resource: resourceName(resource),
  epoch: epochOf(sequence(5)),
  since: sequence(5),
  isUp: true,
  isKept: false,
  configuration: { type: 'exec', after } as unknown as ManifestEntry['configuration'], // cast: the rest is not looked at
  environment: {},
})

test('what cannot be taken down is told, and leaves their share of the time to what is below it', async () => {
  let leftMs = 600
  const given: string[] = []
  const driver: ResourceDriver = {
    activate: async () => ({ ok: true }),
    probe: async () => 'on',
    deactivate: async ({ resource }, { timeoutMs }) => {
      given.push(`${resource} ${timeoutMs} ms`)
      if (resource === 'disk') return { ok: true }
      leftMs -= timeoutMs
      return { ok: false, because: 'it hangs', stalled: true }
    },
  }
  const running = [entry('address', []), entry('disk', ['address']), entry('database', ['disk'])]
  const parts = { drivers: { exec: driver } as ResourceDrivers, logDirectory: '/log', instance: 'i' } // cast: no other type is there
  const left = await takeAllDown(running, parts, () => leftMs)
  expect(given).toEqual(['database 200 ms', 'disk 200 ms', 'address 400 ms'])
  expect(left.map(({ resource }) => resource)).toEqual(['database', 'address'])
})
