/**
 * No server is declared down without supports of a majority for exactly its generation, each in the store of its voter that
 * is admitted then; and none of them is given before T of silence, before its voter's promises have run out, on a word that
 * was not given, or taken back. A store that nobody has admitted promises nothing. In a pair something may stand in for the
 * support of the one that is declared down, if it truly was so.
 */
import { z } from 'zod'
import type { SupportReason } from '../../events/index.ts'
import { places } from '../kit.ts'
import type { Invariant, Scene } from '../scene.ts'

const store = z.object({
  store: z.string(),
  supports: z.record(z.string(), z.object({ generation: z.number(), reason: z.string() })),
  renounced: z.number(),
})
type Store = z.infer<typeof store>

export const supportedTakeover: Invariant = {
  name: 'takeovers are supported',
  watch: (scene) => {
    /** What each voter's disk holds now. */
    const stores = new Map<string, Store>()
    /** By its id: what a store held last, though its disk may be gone. */
    const everyStore = new Map<string, Store>()
    const writtenAt = new Map<string, number>()
    /** By server: what it has ever given its word for, whatever became of that store. */
    const renounced = new Map<string, number>()
    scene.oracle.listen({
      promised: (voter, server, generation) => {
        const own = stores.get(voter)
        const admitted = scene.state().servers.admitted[voter]
        if (admitted !== undefined && admitted !== own?.store)
          scene.violate(`${voter} promises ${server} silence, and its store ${own?.store} is not the admitted one`)
        const support = own?.supports[server]
        if (support !== undefined && support.generation >= generation)
          scene.violate(
            `${voter} promises ${server} silence under generation ${generation}, whose removal it has supported`,
          )
      },
    })
    return {
      wrote: (host, path, content) => {
        if (path !== places.voterStore) return
        const before = stores.get(host)
        const now = store.parse(JSON.parse(content))
        stores.set(host, now)
        everyStore.set(now.store, now)
        renounced.set(host, Math.max(renounced.get(host) ?? 0, now.renounced))
        if (before?.store === now.store) noneTakenBack(scene, host, before, now)
        noneInvented(scene, host, now, renounced)
        noneEarly(scene, host, { before, now, beforeAt: writtenAt.get(host) ?? Number.NEGATIVE_INFINITY })
        writtenAt.set(host, scene.scheduler.now)
      },
      committed: ({ commit, position }, before) => {
        const counted: readonly string[] = before.configuration.voters
        for (const event of commit.events) {
          if (event.type !== 'ServerDeclaredDown') continue
          const { server, generation, supports } = event.data
          const given = supports.filter(({ voter }) => counted.includes(voter))
          const voters = new Set(given.map(({ voter }) => voter))
          if (voters.size < Math.floor(counted.length / 2) + 1)
            scene.violate(
              `commit ${position.sequence} declares ${server} down with ${voters.size} of ${counted.length} supports`,
            )
          for (const { voter, reason } of given) {
            const durable = everyStore.get(before.servers.admitted[voter] ?? '')?.supports[server]
            const isThere =
              voter === server
                ? standsIn(scene, reason, { server, generation, renounced: stores.get(server)?.renounced ?? 0 })
                : durable !== undefined && durable.generation >= generation
            if (!isThere)
              scene.violate(
                `commit ${position.sequence} names a support of ${voter} for ${server} under generation ${generation} (${reason}), but its admitted store holds ${durable?.generation ?? 'none'}`,
              )
          }
        }
      },
    }
  },
}

/** Whether that truly stands in for the voice of the server in a pair that is declared down. */
const standsIn = (
  { pair, pairTruth, configuration, timeouts, hasVouched }: Scene,
  reason: SupportReason,
  {
    server,
    generation,
    renounced,
  }: { readonly server: string; readonly generation: number; readonly renounced: number },
): boolean => {
  const survivor = configuration.servers.find(({ name }) => name !== server)?.name ?? ''
  if (pair === null || pairTruth === null) return false
  switch (reason) {
    case 'silent':
      return false
    case 'renounced':
      return renounced >= generation
    case 'alone':
      return pairTruth.isAlone(survivor)
    case 'operator':
      return hasVouched()
    case 'np-resolution':
      return pair.asksDisk === true || pairTruth.connectedMs(survivor) >= timeouts.least / 2
    default:
      return reason satisfies never
  }
}

const noneTakenBack = ({ violate }: Scene, host: string, before: Store, now: Store): void => {
  if (now.renounced < before.renounced) violate(`${host} takes its renunciation of ${before.renounced} back`)
  for (const [server, { generation }] of Object.entries(before.supports))
    if ((now.supports[server]?.generation ?? -1) < generation)
      violate(`${host} takes its support against ${server} under generation ${generation} back`)
}

/** However it came to the voter: its server had written it down before. */
const noneInvented = (
  { violate }: Scene,
  host: string,
  { supports }: Store,
  renounced: ReadonlyMap<string, number>,
): void => {
  for (const [server, { generation, reason }] of Object.entries(supports))
    if (reason === 'renounced' && (renounced.get(server) ?? 0) < generation)
      violate(`${host} supports the removal of ${server} by its word on generation ${generation}, which it never gave`)
}

const noneEarly = (
  { oracle, timeouts, scheduler, violate }: Scene,
  host: string,
  { before, now, beforeAt }: { readonly before: Store | undefined; readonly now: Store; readonly beforeAt: number },
): void => {
  // What was decided while the disk refused writes comes to it with the first one that it takes.
  const decidedMs = decidedTimeouts * timeouts.most + leastDecidedMs + scheduler.now - beforeAt
  for (const [server, support] of Object.entries(now.supports)) {
    if (before?.supports[server]?.generation === support.generation || support.reason !== 'silent') continue
    if (scheduler.now < oracle.boundUntil(host, server, support.generation) - toleranceMs)
      violate(
        `${host} supports the removal of ${server} under generation ${support.generation} before the silence that it promised is over`,
      )
    if (oracle.sinceLongSilence(host, server) > decidedMs)
      violate(
        `${host} supports the removal of ${server} under generation ${support.generation} after ${Math.round(oracle.silence(host, server))} ms of silence`,
      )
  }
}

/** Clocks are read in whole milliseconds. */
const toleranceMs = 2
/** From the decision to support until the support is on disk, which may stall; a beat may come in between. */
const decidedTimeouts = 4
const leastDecidedMs = 1000
