/** Arbitrary events, commits and logs: of every type there is, about few things, so that events interact. */
import fc from 'fast-check'
import {
  type Author,
  type BatonEvent,
  type Commit,
  clusterEvents,
  commitId,
  type Event,
  fencingEvents,
  groupEvents,
  mirrorEvents,
  monitorEvents,
  operatorEvents,
  type Recorded,
  resourceEvents,
  sequence,
  serverEvents,
  wallTime,
} from '../../src/events/index.ts'
import { recordedLog } from '../recorded-log.ts'
import { arbitraryOf, type Pools } from './schema-arbitrary.ts'

export const schemas = {
  ...clusterEvents,
  ...serverEvents,
  ...groupEvents,
  ...resourceEvents,
  ...monitorEvents,
  ...operatorEvents,
  ...fencingEvents,
  ...mirrorEvents,
}

/** Logs of a few commits, whose epochs and generations are sequences that often exist. */
const longestLog = 25
const anySequence = fc.integer({ min: 0, max: longestLog })

const orOdd = (...usual: readonly string[]): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...usual) },
    // Names that every object answers to.
    { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty') },
  )

/** What fields of these names hold; any other string is arbitrary. */
const poolsOf = (name: (...usual: readonly string[]) => fc.Arbitrary<string>): Pools => ({
  server: name('s1', 's2', 's3'),
  peer: name('s1', 's2', 's3'),
  voter: name('s1', 's2', 'w'),
  from: name('s1', 's2'),
  heardBy: name('s1', 's2', 'w'),
  name: name('s1', 's2', 's3', 'w'),
  group: name('web', 'db'),
  resource: name('app', 'ip'),
  monitor: name('ping', 'web.app'),
  mirror: name('web.data', 'db.data'),
  path: name('nats', 'lan:public'),
  addresse: name('public', 'private'),
  'addresses.value': fc.constant('10.0.0.1'),
  boot: fc.constantFrom('boot-1', 'boot-2'),
  operation: fc.constantFrom('o1', 'o2'),
  source: fc.constant('cluster: demo'),
  epoch: anySequence,
  generation: anySequence,
})

/** What fields of these names hold in events of mirror disks. */
const mirrorPools: Pools = {
  mirror: fc.constantFrom('web.data', 'db.data'),
  id: fc.constantFrom('0123456789abcdef0123456789abcdef', 'f'.repeat(32)),
  ...Object.fromEntries(
    ['generation', 'pending', 'base'].map((field) => [field, fc.constantFrom('1', '2', '3').map((n) => n.repeat(16))]),
  ),
}

const eventsOf = (pools: Pools): fc.Arbitrary<BatonEvent> => {
  const server = pools.server ?? fc.constant('s1')
  const sides = { source: server, target: server, current: server, stale: server, network: fc.constant('lan') }
  const mirrors = { ...pools, ...sides, ...mirrorPools }
  return fc.oneof(
    ...Object.entries(schemas).map(([type, schema]) =>
      arbitraryOf(schema, type in mirrorEvents ? mirrors : pools, type).map((data) => ({ type, data }) as BatonEvent),
    ),
  )
}

/** Any event that this software knows. */
export const knownEvent = eventsOf(poolsOf((...usual) => fc.constantFrom(...usual)))
/** The same with names now and then that no sensible person would choose. */
export const oddEvent = eventsOf(poolsOf(orOdd))

const unknownEvent: fc.Arbitrary<Event> = fc
  .record({ was: fc.constantFrom('Sooner', 'Later'), version: fc.integer({ min: 1, max: 3 }) })
  .map((data) => ({ type: 'UnknownEvent', data }))

/** Any event that a reader may meet. */
export const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 60, arbitrary: oddEvent },
  { weight: 1, arbitrary: unknownEvent },
)

export const author: fc.Arbitrary<Author> = fc.constantFrom('server:s1', 'server:s2', 'operator:root')

export const commitOf = (event: fc.Arbitrary<Event>): fc.Arbitrary<Commit> =>
  fc.record(
    {
      id: fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 22 }).map(commitId),
      by: author,
      at: fc.integer({ min: 0, max: 4_000_000_000_000 }).map(wallTime),
      causedBy: fc.option(anySequence.map(sequence), { nil: null }),
      because: fc.dictionary(fc.constantFrom('heard', 'supports', 'seen'), jsonValue, { noNullPrototype: true }),
      events: fc
        .array(event, { minLength: 1, maxLength: 3 })
        .map((events) => events as unknown as readonly [Event, ...Event[]]),
    },
    { noNullPrototype: true },
  )

/** What comes back from JSON as it went in. */
const jsonValue = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)))

export const logOf = (event: fc.Arbitrary<Event>): fc.Arbitrary<readonly Recorded[]> =>
  fc.array(commitOf(event), { maxLength: longestLog }).map(recordedLog)
