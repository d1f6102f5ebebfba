/**
 * No server is declared down without supports of a majority for exactly its generation, each on the disk of its voter; and
 * none of them is given before T of silence, on a word that was not given, or taken back.
 */
import { z } from 'zod'
import { places } from '../cluster.ts'
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
    const stores = new Map<string, Store>()
    const writtenAt = new Map<string, number>()
    /** By server: what it has ever given its word for, whatever became of that store. */
    const renounced = new Map<string, number>()
    return {
      wrote: (host, path, content) => {
        if (path !== places.voterStore) return
        const before = stores.get(host)
        const now = store.parse(JSON.parse(content))
        stores.set(host, now)
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
          const voters = new Set(supports.map(({ voter }) => voter).filter((voter) => counted.includes(voter)))
          if (voters.size < Math.floor(counted.length / 2) + 1)
            scene.violate(
              `commit ${position.sequence} declares ${server} down with ${voters.size} of ${counted.length} supports`,
            )
          for (const voter of voters) {
            const durable = stores.get(voter)?.supports[server]
            if (durable === undefined || durable.generation < generation)
              scene.violate(
                `commit ${position.sequence} names a support of ${voter} for ${server} under generation ${generation}, but its disk holds ${durable?.generation ?? 'none'}`,
              )
          }
        }
      },
    }
  },
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
    if (oracle.sinceLongSilence(host, server) > decidedMs)
      violate(
        `${host} supports the removal of ${server} under generation ${support.generation} after ${Math.round(oracle.silence(host, server))} ms of silence`,
      )
  }
}

/** From the decision to support until the support is on disk, which may stall; a beat may come in between. */
const decidedTimeouts = 4
const leastDecidedMs = 1000
