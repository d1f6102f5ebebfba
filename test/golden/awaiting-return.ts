/** Servers that await their return: for golden tests of what people are told about it. */
import { type Author, storedConfiguration } from '../../src/events/index.ts'
import { configuration, type HandBuiltLog, type PlainEvent, source } from './hand-built-log.ts'
import { firstChoice, settled } from './scenarios.ts'

const s1: Author = 'server:s1'
const s2: Author = 'server:s2'
const root: Author = 'operator:root'

/** Both were stopped, and are there again; t is the management group. */
export const awaitingReturn = (): HandBuiltLog => {
  const { log } = settled()
  const resources = { address: { type: 'fip', address: '10.0.0.101' } }
  const t = { kind: 'management', servers: ['s1', 's2'], resources }
  const managed = storedConfiguration.parse({ ...configuration, groups: { ...configuration.groups, t } })
  const note = (by: Author, event: PlainEvent, afterMs = 1000) => log.record({ afterMs, by, events: [event] })
  const data = { version: 2, configuration: managed, source, note: 'an address to reach it by' }
  note(root, { type: 'ConfigurationApplied', data })
  for (const [server, by, generation] of [
    ['s1', s1, 2],
    ['s2', s2, 3],
  ] as const) {
    note(root, { type: 'ServerStopOrdered', data: { server } })
    note(by, { type: 'ServerLeft', data: { server, generation, reason: 'stopped' } })
  }
  for (const [server, by] of [
    ['s1', s1],
    ['s2', s2],
  ] as const) {
    const heardBy = ['s1', 's2', 'w']
    const joined = { server, incarnation: 2, boot: `boot-2-${server}`, heardBy, awaitsReturn: true }
    note(by, { type: 'ServerJoined', data: joined })
  }
  const given = { group: 't', server: 's1', reason: 'startup' as const, verdicts: firstChoice }
  const epoch = note(s1, { type: 'GroupAssigned', data: given }, 300)
  const address = { group: 't', resource: 'address', epoch }
  note(s1, { type: 'ResourceActivated', data: { ...address, attempt: 1, durationMs: 85, adopted: false } }, 90)
  note(s1, { type: 'GroupOnline', data: { group: 't', epoch, durationMs: 90, adopted: false } }, 4)
  return log
}
